import type { Socket } from 'node:net';
import { unixSocketCalls } from '../native/unix-socket.js';
import { ForwarderError } from '../ports/error.js';
import type { ShelfOptions } from './descriptor-shelf.js';
import { FdSocket } from './fd-socket.js';

/**
 * Turns an accepted or connected unix socket of Node's into an {@link FdSocket}. Node's own stream drops descriptors, so it
 * is closed here; the connection lives on in a duplicate. Nothing may have been read yet. Node has no public way to a
 * socket's descriptor; a contract test guards this one.
 */
export function handOver(socket: Socket, options: ShelfOptions): FdSocket {
  socket.pause();
  const fd = (socket as { _handle?: { fd?: number } | null })._handle?.fd;
  if (fd === undefined || fd < 0) {
    socket.destroy();
    throw new ForwarderError('unavailable', 'the connection was closed before its first byte');
  }
  try {
    return new FdSocket(unixSocketCalls.duplicate(fd), options);
  } finally {
    socket.destroy();
  }
}
