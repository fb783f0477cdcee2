import { isSignedBy, type PathToken } from './jwt.js';
import type { Policy, PolicyInput } from './policy.js';

/** Every segment has a token, and it is one. */
export const tokensValid: Policy = {
  name: 'common/tokens_valid',
  objection: ({ tokens }) => {
    const broken = tokens.findIndex(({ claims }) => claims === undefined);
    return broken === -1 ? undefined : `path segment ${broken} has no token, or none that is a JWT`;
  },
};

/** Each token is meant for whoever signed the next one. */
export const tokensChained: Policy = {
  name: 'common/tokens_chained',
  objection: ({ tokens }) => {
    const broken = tokens.slice(1).findIndex(({ claims }, i) => {
      const subject = claims?.subject;
      return subject === undefined || tokens[i]?.claims?.audience.includes(subject) !== true;
    });
    return broken === -1
      ? undefined
      : `the token of path segment ${broken} is not meant for the component of segment ${broken + 1}`;
  },
};

/** No token has ended, and none begins later. */
export const tokensExpired: Policy = {
  name: 'common/tokens_expired',
  objection: ({ tokens, now }) => {
    const over = tokens.findIndex(({ claims }) => {
      const { expires = Number.NEGATIVE_INFINITY, begins = Number.NEGATIVE_INFINITY } = claims ?? {};
      return now >= expires || now < begins;
    });
    return over === -1 ? undefined : `the token of path segment ${over} has expired or is not yet good`;
  },
};

/** The caller signed its own token with the key of its certificate, in its own name. */
export const prevTokenSigned: Policy = {
  name: 'server/prev_token_signed',
  objection: ({ tokens, index, peer }) => {
    const token = tokens[index - 1];
    if (token === undefined) return 'nobody is before us on the path';
    return ownTokenOf(token, peer) ? undefined : `the token of path segment ${index - 1} is not signed by the caller`;
  },
};

/** Whoever answered signed its own token with the key of its certificate, in its own name. */
export const nextTokenSigned: Policy = {
  name: 'client/next_token_signed',
  objection: ({ tokens, index, peer }) => {
    const token = tokens[index + 1];
    if (token === undefined) return 'the answer has no path segment of whoever answered';
    return ownTokenOf(token, peer)
      ? undefined
      : `the token of path segment ${index + 1} is not signed by its component`;
  },
};

/** The SDK's own rule looks at the signature alone: anybody could sign in another's name. */
function ownTokenOf({ text, claims }: PathToken, { spiffeId, publicKey }: PolicyInput['peer']): boolean {
  return claims?.subject === spiffeId && isSignedBy(text, publicKey);
}
