import { closeSync, constants, openSync } from 'node:fs';
import { Duplex } from 'node:stream';
import { dataRoom, type Readiness, unixSocketCalls } from '../native/unix-socket.js';
import { ForwarderError } from '../ports/error.js';
import { connectionClosed } from './connection-closed.js';
import { DescriptorShelf, type ShelfOptions } from './descriptor-shelf.js';
import { type InodeUrl, inodeUrlOfDescriptor } from './inode-url.js';
import type { ReceivedDescriptor } from './received-descriptor.js';

/** O_PATH of fcntl.h, which Node does not name: a reference to a file that needs no right to read it. */
const O_PATH = 0o10000000;

/** So many reads in one turn, then others get theirs. */
const readsPerTurn = 16;

type WriteCallback = (error?: Error | null) => void;

interface PendingWrite {
  readonly bytes: Buffer;
  offset: number;
  readonly done: WriteCallback;
}

/**
 * A connected unix socket as a stream that also carries descriptors, below whatever protocol the bytes are (nsm-wire 6.2):
 * each descriptor travels on a message of its own with one byte of the next write.
 */
export class FdSocket extends Duplex {
  readonly #fd: number;
  readonly #readiness: Readiness;
  readonly #shelf: DescriptorShelf;
  readonly #unsent: number[] = [];
  #reading = false;
  #pending: PendingWrite | undefined;
  /** Nothing can be written any more: the end is near, only reading goes on. */
  #broken = false;

  /** Takes over a connected, non-blocking stream socket. */
  constructor(fd: number, options: ShelfOptions) {
    // Half-open connections would stay for ever: nobody here speaks to a peer that has said its last word.
    super({ allowHalfOpen: false });
    this.#fd = fd;
    this.#shelf = new DescriptorShelf(options);
    this.#readiness = unixSocketCalls.readiness(fd, () => this.#onReady());
  }

  /**
   * Opens a file and sends it with the next bytes written. Returns at once; its name is right whatever happens to the
   * descriptor.
   *
   * @throws ForwarderError `not-found` when there is no such file, `unavailable` when the connection is closed
   */
  sendFile(path: string): InodeUrl {
    if (this.destroyed || this.writableEnded) throw connectionClosed();
    const fd = openForPassing(path);
    this.#unsent.push(fd);
    return inodeUrlOfDescriptor(fd);
  }

  /** The descriptor that the peer announced on this connection; see {@link DescriptorShelf.claim}. */
  receive(inodeUrl: string, signal: AbortSignal): Promise<ReceivedDescriptor> {
    return this.#shelf.claim(inodeUrl, signal);
  }

  override _read(): void {
    if (this.#reading) return;
    this.#reading = true;
    this.#readSome();
  }

  override _write(chunk: Buffer, _encoding: BufferEncoding, done: WriteCallback): void {
    if (this.#broken) {
      done();
      return;
    }
    this.#pending = { bytes: chunk, offset: 0, done };
    this.#writeSome();
  }

  override _writev(chunks: { chunk: Buffer }[], done: WriteCallback): void {
    this._write(Buffer.concat(chunks.map(({ chunk }) => chunk)), 'buffer' as BufferEncoding, done);
  }

  override _final(done: WriteCallback): void {
    this.#attempt(() => unixSocketCalls.shutdownWrite(this.#fd));
    done();
  }

  override _destroy(error: Error | null, done: (error?: Error | null) => void): void {
    this.#readiness.close();
    this.#shelf.close(error);
    for (const fd of this.#unsent.splice(0)) closeSync(fd);
    closeSync(this.#fd);
    const pending = this.#pending;
    this.#pending = undefined;
    pending?.done(error ?? connectionClosed());
    done(error);
  }

  #onReady(): void {
    if (this.#reading) this.#readSome();
    if (this.#pending !== undefined && !this.#broken) this.#writeSome();
    this.#watch();
  }

  #watch(): void {
    if (this.destroyed) return;
    this.#readiness.watch({
      readable: this.#reading && !this.#broken,
      writable: this.#pending !== undefined && !this.#broken,
    });
  }

  #readSome(): void {
    this.#attempt(() => {
      for (let reads = 0; reads < readsPerTurn && this.#readOnce(); reads += 1);
    });
    this.#watch();
  }

  /**
   * One read; false when there is likely nothing more for now: a descriptor ends a read early, everything else that is
   * there comes at once. If there is more all the same, the socket is still ready.
   */
  #readOnce(): boolean {
    if (!this.#reading || this.destroyed) return false;
    const received = unixSocketCalls.receive(this.#fd);
    if (received === undefined) return false;
    for (const fd of received.descriptors) this.#shelf.put(fd);
    if (received.truncated) throw new ForwarderError('invalid', 'the peer sent too many descriptors in one message');
    if (received.bytes.length === 0) {
      this.#reading = false;
      this.push(null);
      return false;
    }
    if (!this.push(received.bytes)) this.#reading = false;
    return received.descriptors.length > 0 || received.bytes.length === dataRoom;
  }

  #writeSome(): void {
    try {
      while (this.#pending !== undefined && this.#sendOnce(this.#pending));
    } catch (error) {
      this.#end(error as Error);
    }
    this.#watch();
  }

  /**
   * Nothing can be written any more. A peer that answers and leaves may be gone before we write: its answer is read
   * first, in a turn of its own, as this one may stand in the middle of a read.
   */
  #end(error?: Error): void {
    this.#broken = true;
    setImmediate(() => {
      if (this.#reading && !this.destroyed) this.#readSome();
      this.destroy(error);
    });
  }

  /** One send of the pending write; false when the kernel's buffer is full, or the peer gone. */
  #sendOnce(pending: PendingWrite): boolean {
    const sent = this.#unsent.length > 0 ? this.#sendWithDescriptor(pending) : this.#sendPlain(pending);
    if (sent === undefined) return false;
    if (sent === 'gone') this.#end();
    else pending.offset += sent;
    // What is sent to nobody is done with, as are bytes that a peer leaves unread in the kernel.
    if (sent === 'gone' || pending.offset >= pending.bytes.length) {
      this.#pending = undefined;
      pending.done();
    }
    return true;
  }

  #sendPlain({ bytes, offset }: PendingWrite): ReturnType<typeof unixSocketCalls.send> {
    return bytes.length === offset ? 0 : unixSocketCalls.send(this.#fd, bytes.subarray(offset));
  }

  #sendWithDescriptor({ bytes, offset }: PendingWrite): ReturnType<typeof unixSocketCalls.send> {
    const [fd] = this.#unsent;
    const byte = bytes[offset];
    if (fd === undefined || byte === undefined) return 0;
    const sent = unixSocketCalls.sendDescriptor(this.#fd, byte, fd);
    if (sent === undefined || sent === 'gone') return sent;
    if (sent === 0) return undefined;
    this.#unsent.shift();
    closeSync(fd);
    return sent;
  }

  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.destroy(error as Error);
    }
  }
}

function openForPassing(path: string): number {
  try {
    return openSync(path, O_PATH | constants.O_RDONLY);
  } catch (cause) {
    throw new ForwarderError('not-found', `cannot pass ${JSON.stringify(path)} on: ${(cause as Error).message}`, {
      cause,
    });
  }
}
