import type { Connection, Mechanism } from '../../../apis/generated/connection.js';
import type { Log } from '../../ports/log.js';
import type { HeldConnection } from './held-connection.js';

/** A descriptor that a caller passed, as a path that this process can open: `/proc/self/fd/N`. */
export interface Descriptor extends Disposable {
  readonly path: string;
}

/** Who sent a call, as its transport and its metadata tell. */
export interface Caller {
  /** From the peer's certificate; absent without TLS. */
  readonly spiffeId?: string;
  /** End of the peer's certificate, milliseconds since the epoch. */
  readonly certificateEnd?: number;
  /** The token that the caller sent for its own path segment. */
  readonly token?: { readonly value: string; readonly expires: number };
  /** Milliseconds since the epoch by which the caller wants its answer. */
  readonly deadline?: number;
  /**
   * The descriptor that the caller passed for an `inode://` URL.
   *
   * @throws ForwarderError soon when the caller announced it and sent none
   */
  receive(inodeUrl: string, signal: AbortSignal): Promise<Descriptor>;
}

/** One Request on its way through the elements. Elements hand on a changed copy, never change it. */
export interface Call {
  /** With our own segment's id and index. */
  readonly connection: Connection;
  readonly preferences: readonly Mechanism[];
  readonly caller: Caller;
  readonly held: HeldConnection;
  readonly log: Log;
  /** Aborts when the caller leaves or its deadline passes. Undoing does not heed it. */
  readonly signal: AbortSignal;
}
