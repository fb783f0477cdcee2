import { closeSync, constants, fstatSync, openSync, statfsSync, statSync, writeSync } from 'node:fs';
import { ForwarderError } from '../ports/error.js';
import type { NamespaceId } from '../ports/links.js';
import { lastErrno, libc, systemError } from './libc.js';

const setns: (fd: number, type: number) => number = libc.func('int setns(int fd, int nstype)');
/** Variadic in C; the one request made here takes no third argument. */
const ioctl: (fd: number, request: number) => number = libc.func('int ioctl(int fd, unsigned long request)');

const CLONE_NEWNET = 0x4000_0000;
const NS_GET_NSTYPE = 0xb703;
const NSFS_MAGIC = 0x6e73_6673;

/** An open network namespace file. As long as it is open the kernel keeps the namespace. */
export class NamespaceFile implements Disposable {
  readonly id: NamespaceId;
  readonly fd: number;

  constructor(fd: number) {
    this.fd = fd;
    const { dev, ino } = fstatSync(fd, { bigint: true });
    this.id = `${dev}/${ino}` as NamespaceId;
  }

  [Symbol.dispose](): void {
    closeSync(this.fd);
  }
}

/**
 * Opens the network namespace behind a path. A descriptor, also one opened with O_PATH, is `/proc/self/fd/N`.
 *
 * @throws ForwarderError `not-found`, `denied`, `invalid` (another kind of file, or of namespace)
 */
export function openNetworkNamespace(path: string): NamespaceFile {
  // Looked at before it is opened: opening a pipe or a device that somebody sent us may block or have effects.
  requireNamespaceFile(path, path);
  const fd = reading(path, () => openSync(path, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOCTTY));
  try {
    requireNamespaceFile(`/proc/self/fd/${fd}`, path);
    if (ioctl(fd, NS_GET_NSTYPE) !== CLONE_NEWNET) {
      throw new ForwarderError('invalid', `${path} is a namespace, but not a network namespace`);
    }
    return new NamespaceFile(fd);
  } catch (error) {
    closeSync(fd);
    throw error;
  }
}

/** The network namespace of the calling thread. */
export function openOwnNetworkNamespace(): NamespaceFile {
  return new NamespaceFile(reading(ownPath, () => openSync(ownPath, 'r')));
}

/**
 * Runs an action with this thread inside a foreign network namespace. The action must do all its work before it
 * returns: anything asynchronous, and any thread that it starts, would stay in the wrong namespace. When the thread
 * cannot come back the process aborts, for everything it did from then on would hit the wrong namespace.
 *
 * @throws ForwarderError `unknown` (setns(2)), or whatever the action throws
 */
export function insideNetworkNamespace<T>(target: NamespaceFile, action: () => T): T {
  using own = openOwnNetworkNamespace();
  if (setns(target.fd, CLONE_NEWNET) !== 0) throw systemError('setns', lastErrno());
  try {
    return action();
  } finally {
    if (setns(own.fd, CLONE_NEWNET) !== 0 || ownId() !== own.id) {
      writeSync(2, `cannot return from network namespace ${target.id}: aborting\n`);
      process.abort();
    }
  }
}

const ownPath = '/proc/thread-self/ns/net';

function ownId(): string {
  const { dev, ino } = statSync(ownPath, { bigint: true });
  return `${dev}/${ino}`;
}

function requireNamespaceFile(path: string, shown: string): void {
  if (reading(shown, () => statfsSync(path).type) !== NSFS_MAGIC) {
    throw new ForwarderError('invalid', `${shown} is not a namespace file`);
  }
}

function reading<T>(path: string, action: () => T): T {
  try {
    return action();
  } catch (cause) {
    const code = (cause as NodeJS.ErrnoException).code;
    const kind = code === 'EACCES' || code === 'EPERM' ? 'denied' : code === 'EMFILE' ? 'exhausted' : 'not-found';
    throw new ForwarderError(kind, `cannot open the network namespace ${path}: ${code}`, { cause });
  }
}
