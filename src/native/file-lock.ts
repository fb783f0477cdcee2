import { errnoName, lastErrno, libc, systemError } from './libc.js';

const flock: (fd: number, operation: number) => number = libc.func('int flock(int fd, int operation)');

const LOCK_EX = 2;
const LOCK_NB = 4;

/**
 * Takes the exclusive lock of flock(2) on an open file or folder, without waiting: false while somebody else has it. It
 * ends when the last duplicate of the descriptor is closed, so with the process at the latest.
 *
 * @throws ForwarderError `unknown` when the file system has no such locks
 */
export function tryLock(fd: number): boolean {
  for (;;) {
    if (flock(fd, LOCK_EX | LOCK_NB) === 0) return true;
    const errno = lastErrno();
    const name = errnoName(errno);
    if (name === 'EAGAIN' || name === 'EWOULDBLOCK') return false;
    if (name !== 'EINTR') throw systemError('flock', errno);
  }
}
