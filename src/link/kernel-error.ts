import { errnoName } from '../native/libc.js';
import type { ErrorKind } from '../ports/error.js';
import { ForwarderError } from '../ports/error.js';
import type { Refusal } from './exchange.js';

const kinds: Readonly<Record<string, ErrorKind>> = {
  ENODEV: 'not-found',
  ENOENT: 'not-found',
  ESRCH: 'not-found',
  ENXIO: 'not-found',
  EEXIST: 'exists',
  EBUSY: 'busy',
  ETXTBSY: 'busy',
  EPERM: 'denied',
  EACCES: 'denied',
  EADDRNOTAVAIL: 'denied',
  EOPNOTSUPP: 'unsupported',
  EPROTONOSUPPORT: 'unsupported',
  EAFNOSUPPORT: 'unsupported',
  EINVAL: 'invalid',
  ERANGE: 'invalid',
  EMSGSIZE: 'invalid',
  ENAMETOOLONG: 'invalid',
  ENETDOWN: 'refused',
  ENETUNREACH: 'refused',
  EHOSTUNREACH: 'refused',
  ENOMEM: 'exhausted',
  ENOSPC: 'exhausted',
};

/** What no errno says by itself. */
const explanations: Readonly<Record<string, string>> = {
  EADDRNOTAVAIL: 'not an address for one link, or the PF has set another MAC for this VF and refuses this one',
  ENETDOWN: 'the link is down',
};

/**
 * The kernel's refusal as an error.
 *
 * @param operation what was attempted, with link and value: `cannot ${operation}: ...`
 */
export function kernelError(refusal: Refusal, operation: string): ForwarderError {
  const errno = errnoName(refusal.errno);
  const reason = refusal.text || explanations[errno];
  return new ForwarderError(kinds[errno] ?? 'unknown', `cannot ${operation}: ${errno}${reason ? ` (${reason})` : ''}`, {
    details: { errno },
  });
}

/** True for a refusal with one of these names (`ENODEV`). */
export function isErrno(refusal: Refusal | undefined, ...names: readonly string[]): boolean {
  return refusal !== undefined && names.includes(errnoName(refusal.errno));
}
