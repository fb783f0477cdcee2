import { ForwarderError } from '../ports/error.js';
import type { PciAddress } from '../ports/pci-address.js';
import { IndexSet } from './index-set.js';
import type { Standing, Token, TokenPlace } from './token.js';
import type { TokenId } from './token-id.js';

/** All tokens of one name, and which of them wait to be claimed or closed, by index. */
interface TokensOfName {
  readonly all: Token[];
  readonly free: IndexSet;
  readonly allocated: IndexSet;
  /** The tokens of a PF, where they keep to one: indices from the first to before the second. */
  readonly homes: ReadonlyMap<PciAddress, readonly [from: number, to: number]>;
}

/** How many tokens of a name are made for one PF, and what can be said of them. */
export interface TokenLot {
  readonly count: number;
  readonly place: TokenPlace;
}

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
 * "then" is where the token goes when it is reopened.
 */
export class TokenPool {
  readonly #byId = new Map<TokenId, Token>();
  readonly #byName = new Map<string, TokensOfName>();

  /** @throws ForwarderError `invalid` when `newTokenId` gives the same id twice */
  constructor(lots: ReadonlyMap<string, readonly TokenLot[]>, newTokenId: () => TokenId) {
    for (const [name, ofName] of lots) {
      const size = ofName.reduce((sum, { count }) => sum + count, 0);
      const homes = new Map<PciAddress, [number, number]>();
      const tokens = { all: [], free: new IndexSet(size), allocated: new IndexSet(size), homes };
      this.#byName.set(name, tokens);
      for (const { count, place } of ofName) {
        const from = tokens.all.length;
        if (place.home !== undefined) homes.set(place.home, [from, from + count]);
        for (let n = 0; n < count; n++) this.#create(tokens, { name, id: newTokenId(), place });
      }
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
    return this.#changeEach(tokens, (token) => this.#change(token, false, handOn(token.standing)));
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

  quarantine(token: Token): void {
    if (token.standing.kind !== 'in-use') throw impossible('quarantine', token);
    this.#change(token, token.held, { kind: 'quarantined', function: token.standing.function });
  }

  /** Puts a token back into circulation: to its pod, or free. */
  reopen(token: Token): void {
    if (token.standing.kind === 'available') throw impossible('reopen', token);
    this.#change(token, token.held, available);
  }

  #create(tokens: TokensOfName, made: Pick<Token, 'id' | 'name' | 'place'>): void {
    const { id } = made;
    if (this.#byId.has(id)) throw new ForwarderError('invalid', `token id ${id} was made twice: ids are unique`);
    const token: Token = { ...made, index: tokens.all.length, held: false, standing: available };
    this.#byId.set(id, token);
    tokens.all.push(token);
    tokens.free.add(token.index);
  }

  #changeEach(tokens: readonly Token[], change: (token: Token) => boolean): boolean {
    return tokens.map(change).includes(true);
  }

  /** The one place where a token's state changes. */
  #change(token: Token, held: boolean, standing: Standing): boolean {
    if (token.held === held && token.standing === standing) return false;
    this.#circulating(token)?.delete(token.index);
    token.held = held;
    token.standing = standing;
    this.#circulating(token)?.add(token.index);
    return true;
  }

  /** Where a token waits to be claimed or closed; undefined when it does not. */
  #circulating({ name, held, standing }: Token): IndexSet | undefined {
    if (standing.kind !== 'available') return undefined;
    return this.#byName.get(name)?.[held ? 'allocated' : 'free'];
  }
}

function firstToClose({ free, allocated, homes }: TokensOfName, home: PciAddress): number | undefined {
  const atHome = homes.get(home);
  return firstWithin(free, atHome) ?? free.first ?? firstWithin(allocated, atHome) ?? allocated.first;
}

function firstWithin(set: IndexSet, range: readonly [from: number, to: number] | undefined): number | undefined {
  if (range === undefined) return undefined;
  const [from, to] = range;
  const first = set.next(from);
  return first !== undefined && first < to ? first : undefined;
}

function handOn(standing: Standing): Standing {
  return standing.kind === 'in-use' && !standing.handedOn ? { ...standing, handedOn: true } : standing;
}

function assertAllocatable({ id, name, held, standing }: Token): void {
  if (held || standing.kind === 'available' || standing.kind === 'in-use') return;
  const because =
    standing.kind === 'closed'
      ? `closed by VF ${standing.function}, which is not to be had`
      : `in quarantine with VF ${standing.function}`;
  throw new ForwarderError('refused', `token ${id} of ${name} cannot be allocated: it is ${because}`);
}

function impossible(verb: string, { id, standing }: Token): Error {
  return new Error(`bug: cannot ${verb} token ${id} in state ${standing.kind}`);
}
