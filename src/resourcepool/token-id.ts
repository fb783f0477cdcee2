import { ForwarderError } from '../ports/error.js';

/** The id of a token, as kubelet and clients see it: `sriov-` and a lower-case UUIDv4, 42 characters. */
export type TokenId = string & { readonly __tokenId: never };

const prefix = 'sriov-';
const length = 42;

/**
 * Reads a token id. Peers' rule, and so ours: the prefix and the length count, the rest may be anything.
 *
 * @throws ForwarderError `invalid`, naming the value and the rule
 */
export function parseTokenId(text: string): TokenId {
  if (text.startsWith(prefix) && text.length === length) return text as TokenId;
  throw new ForwarderError(
    'invalid',
    `${JSON.stringify(text)} is not an SR-IOV token id: expected ${JSON.stringify(prefix)} and ${length} characters in all, got ${text.length}`,
  );
}
