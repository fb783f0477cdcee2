import { lastErrno, libc, systemError } from '../../src/native/libc.js';
import {
  insideNetworkNamespace,
  type NamespaceFile,
  openOwnNetworkNamespace,
} from '../../src/native/network-namespace.js';

const unshare: (flags: number) => number = libc.func('int unshare(int flags)');
const CLONE_NEWNET = 0x4000_0000;

/**
 * Makes an empty network namespace that only the returned descriptor keeps: with it everything inside goes, however this
 * process ends.
 *
 * @throws ForwarderError `unknown` with the errno when this process may not
 */
export function freshNamespace(): NamespaceFile {
  using home = openOwnNetworkNamespace();
  // Entering the namespace that the thread is in anyway: what it is left for is left again in any case.
  return insideNetworkNamespace(home, () => {
    if (unshare(CLONE_NEWNET) !== 0) throw systemError('unshare', lastErrno());
    return openOwnNetworkNamespace();
  });
}

/** The path under which any code of this process opens the namespace. */
export function pathOf(namespace: NamespaceFile): string {
  return `/proc/self/fd/${namespace.fd}`;
}
