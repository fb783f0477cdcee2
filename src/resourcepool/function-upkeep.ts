import type { PciAddress } from '../ports/pci-address.js';
import type { DriverType } from './driver-type.js';
import type { Holdings } from './holdings.js';
import type { VirtualFunction } from './inventory.js';

/**
 * What becomes of functions without anybody's wish: they cannot be trusted, or their PF serves nobody. The other
 * transitions of {@link FunctionState} are in {@link FunctionClaims}.
 */
export class FunctionUpkeep {
  readonly #holdings: Holdings;
  readonly #changed: () => void;

  /** `changed` is called as the last thing of whatever changed anything. */
  constructor(holdings: Holdings, changed: () => void) {
    this.#holdings = holdings;
    this.#changed = changed;
  }

  /** See {@link ResourcePool.quarantine}. */
  quarantine(address: PciAddress, reason: string, mayHave?: DriverType): void {
    const vf = this.#holdings.get(address);
    const { state } = vf;
    switch (state.kind) {
      case 'free':
      case 'withheld':
        this.#holdings.letGo(vf);
        this.#quarantineFree(vf, reason, mayHave);
        break;
      case 'claimed':
        this.#holdings.tokens.quarantine(state.token);
        vf.state = { kind: 'quarantined', reason, token: state.token, driver: state.driver, closed: state.closed };
        break;
      case 'superseded':
        vf.state = { kind: 'quarantined', reason, driver: state.driver, closed: state.closed };
        break;
      case 'quarantined':
        if (state.reason === reason) return;
        vf.state = { ...state, reason };
    }
    this.#changed();
  }

  /** See {@link ResourcePool.recover}. */
  recover(address: PciAddress): boolean {
    const vf = this.#holdings.get(address);
    if (vf.state.kind !== 'quarantined') return false;
    if (vf.state.token !== undefined) this.#holdings.tokens.reopen(vf.state.token);
    this.#holdings.vacate(vf, vf.state);
    this.#changed();
    return true;
  }

  /** See {@link ResourcePool.withhold}. */
  withhold(address: PciAddress, reason: string): boolean {
    const pf = this.#holdings.physicalFunction(address);
    if (pf.withheld === reason) return false;
    pf.withheld = reason;
    for (const vf of this.#holdings.functionsOf(pf)) {
      if (vf.state.kind === 'free') this.#holdings.withhold(vf, reason);
      else if (vf.state.kind === 'withheld') vf.state = { ...vf.state, reason };
    }
    this.#changed();
    return true;
  }

  /** See {@link ResourcePool.offerAgain}. */
  offerAgain(address: PciAddress): boolean {
    const pf = this.#holdings.physicalFunction(address);
    if (pf.withheld === undefined) return false;
    pf.withheld = undefined;
    for (const vf of this.#holdings.functionsOf(pf)) this.#holdings.letGo(vf);
    this.#changed();
    return true;
  }

  #quarantineFree(vf: VirtualFunction, reason: string, mayHave: DriverType | undefined): void {
    const driver = mayHave !== undefined && this.#holdings.free.has(vf, mayHave) ? mayHave : undefined;
    vf.state = { kind: 'quarantined', reason, ...(driver && { driver }), closed: this.#holdings.remove(vf, driver) };
  }
}
