import { ForwarderError } from '../ports/error.js';
import type { PciAddress } from '../ports/pci-address.js';
import { arrangeTokens, firstToClose, type TokensOfName, waitingIn } from './arrange-tokens.js';
import { assertAllocatable } from './claim-refusals.js';
import type { IndexSet } from './index-set.js';
import type { Standing, Token } from './token.js';
import { mostMissing, surplusFirst } from './token-balance.js';
import type { TokenId } from './token-id.js';
import type { TokenLot } from './token-lots.js';

/** A function that is not to be had, and the PF that it belongs to. */
export interface Closer {
  readonly address: PciAddress;
  readonly home: PciAddress;
}

const available: Standing = { kind: 'available' };

/**
 * The tokens of a node. Kubelet's verbs are `allocate`, `free` and `hold`, the pool's the rest; rows are the verb,
 * columns the state before, and a dot leaves everything as it is:
 *
 * |            | free      | allocated | in-use                    | closed              | quarantined         |
 * |------------|-----------|-----------|---------------------------|---------------------|---------------------|
 * | allocate   | allocated | .         | handed on, then allocated | refused if not held | refused if not held |
 * | free       | .         | free      | handed on, then free      | then free           | then free           |
 * | hold       | allocated | .         | then allocated            | then allocated      | then allocated      |
 * | use        | bug       | in-use    | in-use, other function    | bug                 | bug                 |
 * | closeOne   | closed    | closed    | never chosen              | never chosen        | never chosen        |
 * | spare      | bug       | bug       | bug                       | free or allocated   | bug                 |
 * | quarantine | bug       | bug       | quarantined               | bug                 | bug                 |
 * | reopen     | bug       | bug       | allocated or free         | allocated or free   | allocated or free   |
 *
 * "then" is where the token goes when it is reopened. What is `retired` is held and stands for nothing: it goes with
 * `free`, or back into circulation when there is something to stand for.
 */
export class TokenPool {
  readonly #byId = new Map<TokenId, Token>();
  readonly #byName = new Map<string, TokensOfName>();
  readonly #newTokenId: () => TokenId;
  #lots: ReadonlyMap<string, readonly TokenLot[]>;

  /** @throws ForwarderError `invalid` when `newTokenId` gives the same id twice */
  constructor(lots: ReadonlyMap<string, readonly TokenLot[]>, newTokenId: () => TokenId) {
    this.#newTokenId = newTokenId;
    this.#lots = lots;
    for (const [name, ofName] of lots) {
      const made: Token[] = [];
      for (const { count, place } of ofName) {
        for (let n = 0; n < count; n++) made.push(this.#create({ name, place, standing: available }));
      }
      this.#byName.set(name, arrangeTokens(made, ofName));
    }
  }

  /** The names, in the order of the catalogue. */
  names(): readonly string[] {
    return [...this.#byName.keys()];
  }

  /** The tokens of a name in the order of creation; none for a name that nobody offers. */
  of(name: string): readonly Token[] {
    return this.#byName.get(name)?.all ?? [];
  }

  has(name: string): boolean {
    return this.#byName.has(name);
  }

  find(id: TokenId): Token | undefined {
    return this.#byId.get(id);
  }

  /** @throws ForwarderError `not-found` */
  get(id: TokenId): Token {
    const token = this.#byId.get(id);
    if (token === undefined) throw new ForwarderError('not-found', `token ${id} is not one of this node's tokens`);
    return token;
  }

  /**
   * Kubelet has given these tokens to a pod. All or none.
   *
   * @returns whether anything changed
   * @throws ForwarderError `not-found`, or `refused` for a token that is closed or quarantined and no pod's
   */
  allocate(ids: readonly TokenId[]): boolean {
    const tokens = ids.map((id) => this.get(id));
    for (const token of tokens) assertAllocatable(token);
    return this.#changeEach(tokens, (token) => this.#change(token, true, handOn(token.standing)));
  }

  /**
   * The pods of these tokens are gone. All or none.
   *
   * @returns whether anything changed
   * @throws ForwarderError `not-found`
   */
  free(ids: readonly TokenId[]): boolean {
    const tokens = ids.map((id) => this.get(id));
    const changed = this.#changeEach(tokens, (token) => this.#change(token, false, handOn(token.standing)));
    for (const token of new Set(tokens)) {
      if (token.standing.kind !== 'retired') continue;
      this.retire(token);
      this.#arrange(token.name);
    }
    return changed;
  }

  /** The token is seen in the hands of the pod that has had it all along: unlike `allocate` this begins nothing new. */
  hold(token: Token): boolean {
    return this.#change(token, true, token.standing);
  }

  /** Gives a token the id under which kubelet knows it. */
  rename(token: Token, id: TokenId): void {
    this.#byId.delete(token.id);
    token.id = id;
    this.#byId.set(id, token);
  }

  /** Selects the function for an allocated token, or instead of the one it has. */
  use(token: Token, address: PciAddress): void {
    const { held, standing } = token;
    if (standing.kind !== 'in-use' && !(held && standing.kind === 'available')) throw impossible('use', token);
    const handedOn = standing.kind === 'in-use' && standing.handedOn;
    this.#change(token, held, { kind: 'in-use', function: address, handedOn });
  }

  /**
   * Takes one token of the name out of circulation because a function is not to be had: a free one if there is any, and
   * among those one that keeps to the function's PF.
   */
  closeOne(name: string, by: Closer): Token {
    const tokens = this.#byName.get(name);
    const token = tokens?.all[firstToClose(tokens, by.home) ?? -1];
    if (token === undefined) {
      throw new Error(`bug: function ${by.address} was free, yet no token of ${name} stood for it`);
    }
    this.#change(token, token.held, { kind: 'closed', function: by.address });
    return token;
  }

  /**
   * Puts a closed token back into circulation and closes another one of its name in its place. There is one as long as
   * a function of the name is free.
   *
   * @param home the PF of the function that closed it
   * @returns the other one
   */
  spare(token: Token, home: PciAddress): Token {
    const { name, standing } = token;
    if (standing.kind !== 'closed') throw impossible('spare', token);
    const standIn = this.closeOne(name, { address: standing.function, home });
    this.reopen(token);
    return standIn;
  }

  /** The tokens that are closed though a pod has them, while free ones of the same name are not: see {@link spare}. */
  *wronglyClosed(): Generator<Token> {
    for (const { all, free, wanting } of this.#byName.values()) {
      while (free.first !== undefined && wanting.first !== undefined) yield all[wanting.first] as Token;
    }
  }

  quarantine(token: Token): void {
    if (token.standing.kind !== 'in-use') throw impossible('quarantine', token);
    this.#change(token, token.held, { kind: 'quarantined', function: token.standing.function });
  }

  /** Puts a token back into circulation: to its pod, or free. */
  reopen(token: Token): void {
    if (token.standing.kind === 'available') throw impossible('reopen', token);
    this.#change(token, token.held, available);
  }

  /** The token stands for nothing any more: it goes, or is left to its pod. {@link arrange} has to follow. */
  retire(token: Token): void {
    this.#change(token, token.held, { kind: 'retired' });
    if (token.held) return;
    this.#byId.delete(token.id);
    const tokens = this.#byName.get(token.name);
    if (tokens !== undefined) this.#byName.set(token.name, { ...tokens, all: tokens.all.filter((it) => it !== token) });
  }

  /**
   * Puts as many tokens of a name into circulation as there are free functions: what pods have comes first.
   * {@link arrange} has to follow.
   *
   * @param free by PF
   * @param lots where new tokens may belong
   */
  circulate(name: string, free: ReadonlyMap<PciAddress, number>, lots: readonly TokenLot[]): void {
    const wanted = [...free.values()].reduce((sum, count) => sum + count, 0);
    const isCirculating = ({ standing }: Token) => standing.kind === 'available';
    const withPods = this.of(name).filter((token) => token.held && isCirculating(token)).length;
    const returning = this.#retired(name).slice(0, Math.max(0, wanted - withPods));
    for (const token of returning) this.#change(token, token.held, available);
    const circulating = this.of(name).filter(isCirculating);
    const surplus = surplusFirst(circulating, free).slice(0, Math.max(0, circulating.length - wanted));
    for (const token of surplus) this.retire(token);
    this.#rehome(name, free, lots);
    for (let count = circulating.length; count < wanted; count++) {
      const present = this.of(name).filter(isCirculating);
      this.#add({ name, place: mostMissing(present, free, lots), standing: available });
    }
  }

  /** What nobody has and belongs to a PF that no longer offers the name belongs where functions are without a token. */
  #rehome(name: string, free: ReadonlyMap<PciAddress, number>, lots: readonly TokenLot[]): void {
    const homes = new Set(lots.map(({ place }) => place.home));
    const present = this.of(name).filter(({ standing }) => standing.kind === 'available');
    for (const token of present) {
      if (!token.held && !homes.has(token.place.home)) token.place = mostMissing(present, free, lots);
    }
  }

  /** One more token of the name, out of circulation because of the function. {@link arrange} has to follow. */
  addClosed(name: string, by: Closer, lots: readonly TokenLot[]): Token {
    const standing: Standing = { kind: 'closed', function: by.address };
    const [retired] = this.#retired(name);
    const place = (lots.find((lot) => lot.place.home === by.home) ?? lots[0])?.place ?? {};
    if (retired === undefined) return this.#add({ name, place, standing });
    this.#change(retired, retired.held, standing);
    return retired;
  }

  /** Names, order and places are from now on those of these lots; a name without a lot goes with its last token. */
  arrange(lots: ReadonlyMap<string, readonly TokenLot[]>): void {
    this.#lots = lots;
    const names = new Set([...lots.keys(), ...this.#byName.keys()]);
    const before = new Map(this.#byName);
    this.#byName.clear();
    for (const name of names) {
      const tokens = before.get(name);
      this.#byName.set(name, tokens ?? arrangeTokens([], []));
      this.#arrange(name);
    }
  }

  #arrange(name: string): void {
    const lots = this.#lots.get(name);
    const all = this.of(name);
    if (lots === undefined && all.length === 0) this.#byName.delete(name);
    else this.#byName.set(name, arrangeTokens(all, lots ?? []));
  }

  #retired(name: string): readonly Token[] {
    return this.of(name).filter(({ standing }) => standing.kind === 'retired');
  }

  #add(made: Pick<Token, 'name' | 'place' | 'standing'>): Token {
    const tokens = this.#byName.get(made.name) ?? arrangeTokens([], []);
    const token = this.#create(made);
    this.#byName.set(made.name, { ...tokens, all: [...tokens.all, token] });
    return token;
  }

  #create(made: Pick<Token, 'name' | 'place' | 'standing'>): Token {
    const id = this.#newTokenId();
    if (this.#byId.has(id)) throw new ForwarderError('invalid', `token id ${id} was made twice: ids are unique`);
    const token: Token = { ...made, id, index: 0, held: false };
    this.#byId.set(id, token);
    return token;
  }

  #changeEach(tokens: readonly Token[], change: (token: Token) => boolean): boolean {
    return tokens.map(change).includes(true);
  }

  /** The one place where a token's state changes. */
  #change(token: Token, held: boolean, standing: Standing): boolean {
    if (token.held === held && token.standing === standing) return false;
    this.#waitingIn(token)?.delete(token.index);
    token.held = held;
    token.standing = standing;
    this.#waitingIn(token)?.add(token.index);
    return true;
  }

  #waitingIn(token: Token): IndexSet | undefined {
    const tokens = this.#byName.get(token.name);
    return tokens && waitingIn(token, tokens);
  }
}

function handOn(standing: Standing): Standing {
  return standing.kind === 'in-use' && !standing.handedOn ? { ...standing, handedOn: true } : standing;
}

function impossible(verb: string, { id, standing }: Token): Error {
  return new Error(`bug: cannot ${verb} token ${id} in state ${standing.kind}`);
}
