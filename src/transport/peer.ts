import { ForwarderError } from '../ports/error.js';
import { FdSocket } from './fd-socket.js';
import type { InodeUrl } from './inode-url.js';
import type { PeerIdentity } from './peer-check.js';
import type { ReceivedDescriptor } from './received-descriptor.js';

/** Who calls, on which connection: proven by its certificate. */
export interface Peer extends PeerIdentity {
  /**
   * The descriptor that the peer announced as `inode://<dev>/<ino>` and sends on this connection.
   *
   * @throws ForwarderError `invalid`, `refused` (announced, not sent), `unavailable` (connection closed), `unsupported`
   * (TCP), or the signal's reason
   */
  receive(inodeUrl: string, signal: AbortSignal): Promise<ReceivedDescriptor>;
  /**
   * Sends a file to the peer ahead of the next answer, and returns the name to use for it there.
   *
   * @throws ForwarderError `not-found` (no such file), `unsupported` (TCP), `unavailable` (connection closed)
   */
  sendFile(path: string): InodeUrl;
}

/** The peer behind a transport whose handshake is done. */
export function peerOn(transport: unknown, identity: PeerIdentity): Peer {
  return {
    ...identity,
    receive: async (inodeUrl, signal) => descriptorCarrier(transport).receive(inodeUrl, signal),
    sendFile: (path) => descriptorCarrier(transport).sendFile(path),
  };
}

/** The transport as one that passes descriptors. @throws ForwarderError `unsupported` for TCP */
export function descriptorCarrier(transport: unknown): FdSocket {
  if (transport instanceof FdSocket) return transport;
  throw new ForwarderError('unsupported', 'files are passed over unix sockets only; this connection is TCP');
}
