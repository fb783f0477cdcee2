import { Book } from '../../ledger/book.js';
import type { Journal } from '../../ports/journal.js';
import type { TokenId } from '../../resourcepool/token-id.js';
import { recordedClaim } from '../elements/claim-function.js';

/** The tokens, by name, under which VFs are claimed on record: pods had them when the former process ended. */
export function rememberedTokens(journal: Journal): ReadonlyMap<string, readonly TokenId[]> {
  const tokens = new Map<string, TokenId[]>();
  for (const entry of [...new Book(journal).byConnection().values()].flat()) {
    const claim = recordedClaim(entry);
    if (claim === undefined) continue;
    const known = tokens.get(claim.tokenName);
    if (known === undefined) tokens.set(claim.tokenName, [claim.token]);
    else if (!known.includes(claim.token)) known.push(claim.token);
  }
  return tokens;
}
