import type { Token } from './token.js';
import type { TokenId } from './token-id.js';
import type { TokenPool } from './token-pool.js';

/** A token id under a name, as somebody else remembers it. */
export interface RememberedToken {
  readonly name: string;
  readonly token: TokenId;
}

/** What became of every remembered token: each is in exactly one list. */
export interface RestoreReport {
  /** Allocated now, under the remembered id. */
  readonly restored: readonly RememberedToken[];
  /** There are fewer tokens of the name than kubelet has given out. */
  readonly surplus: readonly RememberedToken[];
  /** No PF offers the name any more. */
  readonly unknownNames: readonly RememberedToken[];
  /** The id was remembered before, or is a token of another name. */
  readonly duplicates: readonly RememberedToken[];
}

type Verdict = keyof RestoreReport | 'pending';

/**
 * Takes over the tokens that kubelet has given out already: each id that is a token here is allocated, each that is not
 * becomes the id of a token that no pod has. Tokens that a pod has keep their ids, so nothing depends on what was read
 * or done before, and restoring the same again changes nothing.
 */
export function restoreTokens(pool: TokenPool, allocated: ReadonlyMap<string, readonly TokenId[]>): RestoreReport {
  const report = { restored: [], surplus: [], unknownNames: [], duplicates: [], pending: [] } as Record<
    Verdict,
    RememberedToken[]
  >;
  const seen = new Set<TokenId>();
  for (const [name, ids] of allocated) {
    for (const token of ids) report[judge(pool, { name, token }, seen)].push({ name, token });
  }
  const { pending, ...rest } = report;
  for (const token of rest.restored) pool.hold(pool.get(token.token));
  adopt(pool, pending, rest);
  return rest;
}

function judge(pool: TokenPool, { name, token }: RememberedToken, seen: Set<TokenId>): Verdict {
  if (!pool.has(name)) return 'unknownNames';
  if (seen.has(token)) return 'duplicates';
  seen.add(token);
  const known = pool.find(token);
  if (known === undefined) return 'pending';
  return known.name === name ? 'restored' : 'duplicates';
}

function adopt(
  pool: TokenPool,
  pending: readonly RememberedToken[],
  report: { restored: RememberedToken[]; surplus: RememberedToken[] },
): void {
  const vacancies = new Map<string, Iterator<Token>>();
  for (const remembered of pending) {
    const { name, token } = remembered;
    const iterator = vacancies.get(name) ?? vacantTokens(pool.of(name));
    vacancies.set(name, iterator);
    const next = iterator.next();
    if (next.done === true) {
      report.surplus.push(remembered);
      continue;
    }
    pool.rename(next.value, token);
    pool.hold(next.value);
    report.restored.push(remembered);
  }
}

/** Tokens that no pod has: the available ones first, then the closed ones, so that no id is lost to a closed token. */
function* vacantTokens(tokens: readonly Token[]): Generator<Token> {
  for (const kind of ['available', 'closed']) {
    for (const token of tokens) if (!token.held && token.standing.kind === kind) yield token;
  }
}
