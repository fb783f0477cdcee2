import { ForwarderError } from '../ports/error.js';
import type { Journal } from '../ports/journal.js';
import type { TokenId } from './token-id.js';

/** What is on record of a token, under `token/<id>`. */
interface TokenRecord {
  readonly name: string;
  /** SPIFFE id of the client that was the first to use it. */
  readonly user: string;
}

const prefix = 'token/';

/**
 * Who uses which token. A token serves the client that was the first to use it, by SPIFFE id, until kubelet takes the
 * token back or gives it to a container anew: knowing somebody else's token is not enough. The bond is on record, so
 * that it outlives this process.
 */
export class TokenUsers {
  readonly #journal: Journal;
  readonly #bonds = new Map<TokenId, TokenRecord>();

  constructor(journal: Journal) {
    this.#journal = journal;
    for (const [key, { name, user }] of journal.records()) {
      if (!key.startsWith(prefix) || typeof name !== 'string' || typeof user !== 'string') continue;
      this.#bonds.set(key.slice(prefix.length) as TokenId, { name, user });
    }
  }

  /** The first user of a token; undefined while it has none. */
  userOf(token: TokenId): string | undefined {
    return this.#bonds.get(token)?.user;
  }

  /** Tokens that former processes saw used, by name: pods had them. */
  remembered(): ReadonlyMap<string, readonly TokenId[]> {
    const tokens = new Map<string, TokenId[]>();
    for (const [token, { name }] of this.#bonds) tokens.set(name, [...(tokens.get(name) ?? []), token]);
    return tokens;
  }

  /**
   * Refuses whoever is not the token's first user. To be asked before a claim.
   *
   * @throws ForwarderError `denied`, which names the asking user and nobody else
   */
  admit(token: TokenId, user: string): void {
    const first = this.userOf(token);
    if (first === undefined || first === user) return;
    throw new ForwarderError(
      'denied',
      `token ${token} serves the first client that used it, and ${user} is another one`,
    );
  }

  /**
   * Binds the token to its first user; nothing changes when it is bound already. To be called once the claim is granted.
   *
   * @throws ForwarderError `exhausted` when it cannot be put on record: nothing has changed
   */
  bind(token: TokenId, { name, user }: TokenRecord): void {
    if (this.#bonds.has(token)) return;
    this.#journal.write([{ key: prefix + token, value: { name, user } }]);
    this.#bonds.set(token, { name, user });
  }

  /** These tokens were taken back, or given to a container anew: whoever uses one next is its first user. */
  release(tokens: Iterable<TokenId>): void {
    const bound = [...tokens].filter((token) => this.#bonds.delete(token));
    if (bound.length > 0) this.#journal.note(bound.map((token) => ({ key: prefix + token })));
  }

  /** Forgets the bonds of all tokens that are no longer any, as of names that are not offered any more. */
  prune(isToken: (token: TokenId) => boolean): void {
    this.release([...this.#bonds.keys()].filter((token) => !isToken(token)));
  }
}
