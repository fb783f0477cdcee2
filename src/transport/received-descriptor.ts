import { closeSync } from 'node:fs';

/** A descriptor that a peer passed to us: open until disposed, ours alone, close-on-exec. */
export interface ReceivedDescriptor extends Disposable {
  readonly fd: number;
  /** `/proc/self/fd/N`: opens the same file again, also where the descriptor itself is O_PATH and good for nothing else. */
  readonly path: string;
}

/** Wraps a descriptor that belongs to the caller; disposing twice is harmless. */
export function receivedDescriptor(fd: number): ReceivedDescriptor {
  let open = true;
  return {
    fd,
    path: `/proc/self/fd/${fd}`,
    [Symbol.dispose]() {
      if (!open) return;
      open = false;
      closeSync(fd);
    },
  };
}
