import { closeSync } from 'node:fs';
import { toForwarderError } from '../ports/error.js';
import { lastErrno, libc, systemError } from './libc.js';

type Done = (error: unknown, result: number) => void;
interface BufferCall {
  (fd: number, buffer: Uint8Array, length: number, flags: number): number;
  async(fd: number, buffer: Uint8Array, length: number, flags: number, done: Done): void;
}

const socket: (domain: number, type: number, protocol: number) => number = libc.func(
  'int socket(int domain, int type, int protocol)',
);
const bind: (fd: number, address: Uint8Array, length: number) => number = libc.func(
  'int bind(int fd, const void *address, unsigned int length)',
);
const setsockopt: (fd: number, level: number, name: number, value: Uint8Array, length: number) => number = libc.func(
  'int setsockopt(int fd, int level, int name, const void *value, unsigned int length)',
);
const send: BufferCall = libc.func('long send(int fd, const void *buffer, size_t length, int flags)');
const recv: BufferCall = libc.func('long recv(int fd, void *buffer, size_t length, int flags)');

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC_NONBLOCK = 3 | 0o2000000 | 0o4000;
const SOL_SOCKET = 1;
const SO_RCVBUF = 8;
const SOL_NETLINK = 270;
/** NETLINK_CAP_ACK (errors do not repeat the request), NETLINK_EXT_ACK (errors carry text), NETLINK_GET_STRICT_CHK. */
const NETLINK_OPTIONS = [10, 11, 12] as const;
const MSG_TRUNC = 0x20;
const EAGAIN = 11;

/**
 * A raw NETLINK_ROUTE socket (netlink(7)), bound for life to the network namespace in which the calling thread is when
 * it is made. Lossy by nature: a full receive buffer shows as an error `ENOBUFS`, after which answers may be missing.
 */
export class NetlinkSocket implements Disposable {
  readonly #fd: number;

  /** @param receiveBuffer bytes of SO_RCVBUF; the kernel's default when absent */
  constructor(receiveBuffer?: number) {
    this.#fd = checked('socket(AF_NETLINK)', socket(AF_NETLINK, SOCK_RAW_CLOEXEC_NONBLOCK, 0));
    try {
      for (const option of NETLINK_OPTIONS) this.#setOption(SOL_NETLINK, option, 1);
      if (receiveBuffer !== undefined) this.#setOption(SOL_SOCKET, SO_RCVBUF, receiveBuffer);
      checked('bind(AF_NETLINK)', bind(this.#fd, Buffer.from(Uint16Array.of(AF_NETLINK, 0, 0, 0, 0, 0).buffer), 12));
    } catch (error) {
      closeSync(this.#fd);
      throw error;
    }
  }

  /**
   * Sends messages to the kernel from a thread of the pool: rtnetlink does the work, and waits for its lock, inside
   * send(2). Settles when it is done; the answers are then in the receive buffer. Must not overlap with a dispose.
   */
  async send(messages: Uint8Array): Promise<void> {
    const { result, errno } = await this.#call(send, messages, 0);
    if (result < 0) throw systemError('send(AF_NETLINK)', errno);
  }

  /** Takes the next datagram into the buffer: its length, undefined when there is none. */
  receive(buffer: Uint8Array): number | undefined {
    return received(recv(this.#fd, buffer, buffer.length, MSG_TRUNC), lastErrno(), buffer);
  }

  /** Like {@link receive}, from a thread of the pool: the kernel produces the next part of a dump inside recv(2). */
  async receivePart(buffer: Uint8Array): Promise<number | undefined> {
    const { result, errno } = await this.#call(recv, buffer, MSG_TRUNC);
    return received(result, errno, buffer);
  }

  [Symbol.dispose](): void {
    closeSync(this.#fd);
  }

  /** The buffer stays alive because the closure of the callback holds it. */
  #call(call: BufferCall, buffer: Uint8Array, flags: number): Promise<{ result: number; errno: number }> {
    return new Promise((resolve, reject) => {
      call.async(this.#fd, buffer, buffer.length, flags, (error, result) => {
        const errno = lastErrno();
        if (error !== null) reject(toForwarderError(error));
        else resolve({ result, errno });
        void buffer;
      });
    });
  }

  #setOption(level: number, name: number, value: number): void {
    checked(
      `setsockopt(${level}, ${name})`,
      setsockopt(this.#fd, level, name, Buffer.from(Int32Array.of(value).buffer), 4),
    );
  }
}

function received(result: number, errno: number, buffer: Uint8Array): number | undefined {
  if (result < 0 && errno === EAGAIN) return undefined;
  if (result < 0) throw systemError('recv(AF_NETLINK)', errno);
  if (result > buffer.length) throw new RangeError(`a netlink datagram of ${result} bytes exceeds ${buffer.length}`);
  return result;
}

function checked(call: string, result: number): number {
  if (result < 0) throw systemError(call, lastErrno());
  return result;
}
