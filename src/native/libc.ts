import koffi from 'koffi';
import { ForwarderError } from '../ports/error.js';

/**
 * The C library of this process, whichever it is (glibc or musl). `src/native` is the only folder that calls it: raw
 * structures, pointers and descriptors stay inside, and every Buffer whose address the kernel gets is kept alive there.
 */
export const libc = koffi.load(null);

const names = new Map<number, string>(Object.entries(koffi.os.errno).map(([name, number]) => [number, name]));

/** The errno of the last call on this thread. */
export function lastErrno(): number {
  return koffi.errno();
}

/** `EAGAIN` for 11, and so on. */
export function errnoName(errno: number): string {
  return names.get(errno) ?? `errno ${errno}`;
}

/** A failed system call as an error that says which one. */
export function systemError(call: string, errno: number): ForwarderError {
  const name = errnoName(errno);
  return new ForwarderError('unknown', `${call}: ${name}`, { details: { call, errno: name } });
}
