import { ForwarderError } from '../ports/error.js';

const pattern = /^spiffe:\/\/([a-z0-9._-]{1,255})((?:\/[A-Za-z0-9._-]+)*)$/;

/**
 * The trust domain of a SPIFFE ID.
 *
 * @throws ForwarderError `invalid` when the text breaks the rules of the SPIFFE-ID standard
 */
export function trustDomainOf(spiffeId: string): string {
  const [, trustDomain, path = ''] = pattern.exec(spiffeId) ?? [];
  if (trustDomain === undefined || spiffeId.length > 2048 || path.split('/').some(isDots)) {
    throw new ForwarderError(
      'invalid',
      `${JSON.stringify(spiffeId.slice(0, 200))} is not a SPIFFE ID: expected spiffe://<trust domain>/<path>`,
    );
  }
  return trustDomain;
}

function isDots(segment: string): boolean {
  return segment === '.' || segment === '..';
}
