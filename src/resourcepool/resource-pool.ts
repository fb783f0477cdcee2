import type { PciAddress } from '../ports/pci-address.js';
import { type Catalogue, validateCatalogue } from './catalogue.js';
import { ChangeListeners } from './change-listeners.js';
import type { AdoptRequest, Claim, ClaimRequest, Owner } from './claim.js';
import type { DriverType } from './driver-type.js';
import { FunctionClaims } from './function-claims.js';
import { FunctionUpkeep } from './function-upkeep.js';
import { type FunctionView, viewFunction } from './function-view.js';
import { Holdings } from './holdings.js';
import { createInventory } from './inventory.js';
import { type PoolReport, reportPool } from './report.js';
import { type RestoreReport, restoreTokens } from './restore.js';
import { settle, type Wanted } from './settle.js';
import { type TokenView, viewToken } from './token.js';
import type { TokenId } from './token-id.js';
import { type PoolOptions, tokenLots } from './token-lots.js';
import { TokenPool } from './token-pool.js';

/**
 * Who may have which function of this node. Kubelet gives tokens to pods (`allocate`, `free`, `restore`), connections
 * turn an allocated token into a function and give it back (`claim`, `release`), and a function that cannot be trusted
 * is kept from everybody (`quarantine`, `recover`).
 *
 * For each name there are as many tokens as functions offered under it. A token is tied to no function until it is
 * claimed; then one token of each other name of that function's PF is closed, so that the tokens left over are exactly
 * what can still be granted.
 *
 * Every method is synchronous and either does all of what it says, or throws a ForwarderError and changes nothing.
 */
export class ResourcePool {
  readonly #tokens: TokenPool;
  readonly #holdings: Holdings;
  readonly #options: PoolOptions;
  readonly #claims: FunctionClaims;
  readonly #upkeep: FunctionUpkeep;
  readonly #listeners = new ChangeListeners();
  #wanted: Wanted;
  #unsettled = false;

  /** @throws ForwarderError `invalid` when the catalogue lists a function or a name twice, or an id is made twice */
  constructor(catalogue: Catalogue, newTokenId: () => TokenId, options: PoolOptions = {}) {
    validateCatalogue(catalogue);
    this.#options = options;
    this.#wanted = { catalogue, lots: tokenLots(catalogue, options) };
    this.#tokens = new TokenPool(this.#wanted.lots, newTokenId);
    this.#holdings = new Holdings(createInventory(catalogue), this.#tokens);
    const changed = () => this.#changed();
    this.#claims = new FunctionClaims(this.#holdings, changed);
    this.#upkeep = new FunctionUpkeep(this.#holdings, changed);
  }

  /**
   * Goes over to another catalogue. Whoever has a function or a token keeps it, under the name it has, until it is
   * released or freed; nobody new gets it. Everything else follows at once: tokens keep their ids as far as there is
   * something left for them to stand for, those that no pod has go first, and one that a pod has and that stands for
   * nothing is unhealthy until the pod is gone. The same catalogue again changes nothing.
   *
   * @throws ForwarderError `invalid` as the constructor does; nothing has changed then
   */
  amend(catalogue: Catalogue): void {
    validateCatalogue(catalogue);
    this.#wanted = { catalogue, lots: tokenLots(catalogue, this.#options) };
    this.#unsettled = true;
    this.#changed();
  }

  /** The token names, in the order of the catalogue. */
  names(): readonly string[] {
    return this.#tokens.names();
  }

  /** The tokens of a name in the order of creation; none for a name that nobody offers. */
  tokens(name: string): readonly TokenView[] {
    return this.#tokens.of(name).map(viewToken);
  }

  token(id: TokenId): TokenView | undefined {
    const token = this.#tokens.find(id);
    return token && viewToken(token);
  }

  /** All functions, in the order of the catalogue. */
  functions(): readonly FunctionView[] {
    return [...this.#holdings.inventory.functions.values()].map(viewFunction);
  }

  function(address: PciAddress): FunctionView | undefined {
    const vf = this.#holdings.inventory.functions.get(address);
    return vf && viewFunction(vf);
  }

  /** What is held, for people. */
  report(): PoolReport {
    return reportPool(this.#holdings.inventory, this.#tokens);
  }

  /**
   * Kubelet has given these tokens to a pod: call it for kubelet's Allocate, not for a token seen again. All or none;
   * repeating it changes nothing. A token that is in use stays with its function until the last owner releases it, and
   * until then nobody joins them: the pod before is still there.
   *
   * @throws ForwarderError `not-found`; `refused` for a token that is closed or in quarantine and belongs to no pod
   */
  allocate(ids: readonly TokenId[]): void {
    if (this.#tokens.allocate(ids)) this.#changed();
  }

  /**
   * The pods of these tokens are gone. All or none; repeating it changes nothing. Owners of a function keep it until
   * they release it.
   *
   * @throws ForwarderError `not-found`
   */
  free(ids: readonly TokenId[]): void {
    if (this.#tokens.free(ids)) this.#changed();
  }

  /**
   * Takes over what kubelet has given out already, by name: tokens keep the ids that pods know. Never throws; what does
   * not fit is reported. Only tokens that no pod has get other ids, so it is best called before any are offered.
   */
  restore(allocated: ReadonlyMap<string, readonly TokenId[]>): RestoreReport {
    const report = restoreTokens(this.#tokens, allocated);
    if (report.restored.length > 0) this.#changed();
    return report;
  }

  /**
   * Gets a function for a token that kubelet has allocated. The choice: first an IOMMU group that has the driver
   * already, then the PF with most free VFs, then the lowest address; never one whose group serves the other driver.
   *
   * - The same claim again changes nothing and answers the same.
   * - Another owner with the same token and driver shares the function, up to 16 of them; each of them releases it.
   * - The sole owner may change the driver. The function stays if its group can follow; its owner rebinds it. Otherwise
   *   the token gets another function, and the owner keeps the old one (`supersedes`) until it releases it. Released
   *   the other way round, the new one first, the token is back with the old function as if nothing had been.
   *
   * @throws ForwarderError `not-found`; `refused` when the token is no pod's, or closed (says by which VF); `busy` when
   *   its VF is in quarantine, used by another owner with the other driver, or not yet home from the token's last pod;
   *   `exhausted` when no free VF can have the driver, or 16 owners share the function
   */
  claim(request: ClaimRequest): Claim {
    return this.#claims.claim(request);
  }

  /**
   * Gets this very function for a token: what a claim gave before the process ended, or what is found in the client's
   * hands. All consequences are those of a claim, the same again changes nothing, and another owner may adopt the same
   * function with the same token and driver. What claims had given out can be adopted in any order, as long as nothing
   * else was claimed or quarantined meanwhile: a token that another adoption has closed is spared for one that is not
   * in use.
   *
   * @throws ForwarderError `not-found` for a token or function that is not here; `refused` when the token is no pod's or
   *   the PF does not offer the function under its name; `busy` when the function is not free, its IOMMU group cannot
   *   have the driver, or the token has another function or is in quarantine
   */
  adopt(request: AdoptRequest): Claim {
    return this.#claims.adopt(request);
  }

  /**
   * The owner gives a function back, clean and at home. When it was the last owner the function is free, and its token
   * goes where kubelet wants it.
   *
   * @returns false, and nothing changed, when the owner does not hold it: releasing twice is harmless
   * @throws ForwarderError `not-found` for an address that is not in the pool
   */
  release(address: PciAddress, owner: Owner): boolean {
    return this.#claims.release(address, owner);
  }

  /**
   * Keeps a function from everybody, whatever its state; all its owners lose it. Its token, if it had one, and one
   * token of every other name go unhealthy, and its group stays pinned to the driver it may still have.
   *
   * @param reason for people: what is wrong with it
   * @param mayHave the driver that a free function may be bound to, which pins its group; unless the group serves the
   *   other one already, which is then what counts
   * @throws ForwarderError `not-found`
   */
  quarantine(address: PciAddress, reason: string, mayHave?: DriverType): void {
    this.#upkeep.quarantine(address, reason, mayHave);
  }

  /**
   * A function in quarantine is clean and at home again: it is free, and its token goes where kubelet wants it.
   *
   * @returns false, and nothing changed, when it was not in quarantine
   * @throws ForwarderError `not-found`
   */
  recover(address: PciAddress): boolean {
    return this.#upkeep.recover(address);
  }

  /**
   * A PF serves nobody at present: none of its functions that are free, or become free, is given out, and as many tokens
   * of each of its names go unhealthy, free ones first. Whoever holds a function of it keeps that.
   *
   * @param reason for people: what is wrong with it
   * @returns false, and nothing changed, when it was withheld for this reason already
   * @throws ForwarderError `not-found`
   */
  withhold(physicalFunction: PciAddress, reason: string): boolean {
    return this.#upkeep.withhold(physicalFunction, reason);
  }

  /**
   * The PF serves again.
   *
   * @returns false, and nothing changed, when it was not withheld
   * @throws ForwarderError `not-found`
   */
  offerAgain(physicalFunction: PciAddress): boolean {
    return this.#upkeep.offerAgain(physicalFunction);
  }

  /** Calls the listener after each complete change, as often as there are changes, until disposed. It may not throw. */
  onChange(listener: () => void): Disposable {
    return this.#listeners.add(listener);
  }

  /**
   * The last thing of every change: what was in the way of the wanted catalogue may be free now, and so may be a token
   * that can be closed in the place of a pod's.
   */
  #changed(): void {
    if (this.#unsettled) this.#unsettled = settle(this.#holdings, this.#wanted);
    this.#holdings.withholdVacated();
    this.#holdings.sparePods();
    this.#listeners.notify();
  }
}
