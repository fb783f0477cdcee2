import { ForwarderError } from '../ports/error.js';
import { clientAllowed, connectionOwned, serviceConnection } from './ownership-policies.js';
import { nextTokenSigned, prevTokenSigned, tokensChained, tokensExpired, tokensValid } from './path-policies.js';
import type { Policy } from './policy.js';

/** Every policy there is. */
export const policies: readonly Policy[] = [
  tokensValid,
  tokensChained,
  tokensExpired,
  clientAllowed,
  nextTokenSigned,
  prevTokenSigned,
  connectionOwned,
  serviceConnection,
];

/** Where masks of NSM components find the policies that the SDK brings along. */
const folder = 'etc/nsm/opa';

/**
 * The policies that a mask selects: a regular expression for the whole of `etc/nsm/opa/folder/name.rego` (nsm-wire 5.4).
 *
 * @throws ForwarderError `invalid` when it is no regular expression
 */
export function policiesBy(mask: string): readonly Policy[] {
  const pattern = patternOf(mask);
  return policies.filter(({ name }) => pattern.test(`${folder}/${name}.rego`));
}

/** @throws ForwarderError `invalid` when it is no regular expression */
export function patternOf(mask: string): RegExp {
  try {
    return new RegExp(`^(?:${mask})$`);
  } catch (cause) {
    throw new ForwarderError('invalid', `${JSON.stringify(mask)} is no regular expression`, { cause });
  }
}
