import koffi from 'koffi';
import { errnoName, lastErrno, libc, systemError } from './libc.js';

/** What one read of a unix socket brought: bytes (none: the peer has shut down), and descriptors, close-on-exec, ours to close. */
export interface Received {
  readonly bytes: Buffer;
  readonly descriptors: readonly number[];
  /** The peer sent more descriptors in one message than 64; the kernel closed the surplus. */
  readonly truncated: boolean;
}

/** Readiness of one descriptor, watched by the event loop. Closing it is immediate; the descriptor itself stays open. */
export interface Readiness {
  /** Says what to watch from now on; neither stops watching. */
  watch(events: { readable: boolean; writable: boolean }): void;
  close(): void;
}

/**
 * The system calls that a stream with descriptor passing is made of. None blocks: `undefined` stands for EAGAIN.
 * Everything that talks to a unix socket goes through here, so that another binding can take its place.
 */
export interface UnixSocketCalls {
  receive(fd: number): Received | undefined;
  /** Sends some of the bytes; returns how many the kernel took, `gone` when the peer has closed the connection. */
  send(fd: number, bytes: Uint8Array): number | 'gone' | undefined;
  /** Sends one byte with one descriptor attached; the descriptor stays ours. */
  sendDescriptor(fd: number, byte: number, descriptor: number): number | 'gone' | undefined;
  shutdownWrite(fd: number): void;
  /** A close-on-exec duplicate. */
  duplicate(fd: number): number;
  /** Calls back from a clean turn of the event loop when the descriptor is ready or in error; level triggered. */
  readiness(fd: number, onReady: () => void): Readiness;
}

/** Room for descriptors in one read, as grpcfd has. */
const descriptorsPerRead = 64;

// Flags and constants of linux/socket.h and fcntl.h, the same on every architecture that koffi is built for.
const MSG_CTRUNC = 0x8;
const MSG_DONTWAIT = 0x40;
const MSG_NOSIGNAL = 0x4000;
const MSG_CMSG_CLOEXEC = 0x40000000;
const SOL_SOCKET = 1;
const SCM_RIGHTS = 1;
const SHUT_WR = 1;
const F_DUPFD_CLOEXEC = 1030;

const recvmsg = libc.func('intptr_t recvmsg(int fd, void *message, int flags)');
const sendmsg = libc.func('intptr_t sendmsg(int fd, void *message, int flags)');
const sendBytes = libc.func('intptr_t send(int fd, const void *bytes, size_t length, int flags)');
const shutdown = libc.func('int shutdown(int fd, int how)');
const fcntl = libc.func('int fcntl(int fd, int command, ...)');

const cmsgHeader = 16;
const controlRoom = cmsgHeader + 4 * descriptorsPerRead;
/** Bytes that one read brings at most. */
export const dataRoom = 64 * 1024;

/**
 * One msghdr with its iovec, control and data areas (LP64 layout of linux/socket.h), laid out in one block of memory whose
 * address never changes: the kernel gets raw addresses, so nothing of it may be collected or moved. Calls are synchronous
 * and the bytes are copied out, so that one block for reading and one for sending serve every socket.
 */
class MessageBlock {
  readonly header: Uint8Array;
  readonly control: DataView;
  readonly data: Buffer;
  readonly #words: BigUint64Array;
  readonly #controlAddress: bigint;

  constructor(dataLength: number) {
    const memory = new ArrayBuffer(128 + controlRoom + dataLength);
    this.header = new Uint8Array(memory);
    const address = koffi.address(this.header);
    this.#controlAddress = address + 128n;
    this.control = new DataView(memory, 128, controlRoom);
    this.data = Buffer.from(memory, 128 + controlRoom, dataLength);
    // msghdr: name, namelen, iov, iovlen, control, controllen, flags; the iovec follows at 64: base, length.
    this.#words = new BigUint64Array(memory, 0, 10);
    this.#words.set([0n, 0n, address + 64n, 1n], 0);
    this.#words.set([address + 128n + BigInt(controlRoom), BigInt(dataLength)], 8);
  }

  setControlLength(length: number): void {
    this.#words[4] = length === 0 ? 0n : this.#controlAddress;
    this.#words[5] = BigInt(length);
    this.#words[6] = 0n;
  }

  get controlLength(): number {
    return Number(this.#words[5]);
  }

  get flags(): number {
    return Number(this.#words[6]) | 0;
  }
}

const incoming = new MessageBlock(dataRoom);
const outgoing = new MessageBlock(1);

/** The socket calls over the C library of this process. */
export const unixSocketCalls: UnixSocketCalls = {
  receive(fd) {
    incoming.setControlLength(controlRoom);
    const length = untilReady('recvmsg', () => recvmsg(fd, incoming.header, MSG_DONTWAIT | MSG_CMSG_CLOEXEC) as number);
    if (length === undefined) return undefined;
    return {
      bytes: Buffer.from(incoming.data.subarray(0, length === 'gone' ? 0 : length)),
      descriptors: incoming.controlLength === 0 ? [] : readDescriptors(incoming),
      truncated: (incoming.flags & MSG_CTRUNC) !== 0,
    };
  },

  send(fd, bytes) {
    return untilReady('send', () => sendBytes(fd, bytes, bytes.length, MSG_DONTWAIT | MSG_NOSIGNAL) as number);
  },

  sendDescriptor(fd, byte, descriptor) {
    outgoing.data[0] = byte;
    writeDescriptor(outgoing, descriptor);
    return untilReady('sendmsg', () => sendmsg(fd, outgoing.header, MSG_DONTWAIT | MSG_NOSIGNAL) as number);
  },

  shutdownWrite(fd) {
    // ENOTCONN: the peer was faster.
    if (shutdown(fd, SHUT_WR) < 0 && errnoName(lastErrno()) !== 'ENOTCONN') throw systemError('shutdown', lastErrno());
  },

  duplicate(fd) {
    const copy = fcntl(fd, F_DUPFD_CLOEXEC, 'int', 3) as number;
    if (copy < 0) throw systemError('fcntl(F_DUPFD_CLOEXEC)', lastErrno());
    return copy;
  },

  readiness(fd, onReady) {
    let open = true;
    let watched = { readable: false, writable: false };
    // Exceptions inside koffi's callback get lost and its microtasks run late, hence the fresh turn. Its first argument is
    // the status of uv_poll(3), whatever its types say; after an error libuv has stopped watching.
    const fire = (status: unknown) => {
      if (status !== 0) watched = { readable: false, writable: false };
      setImmediate(() => open && onReady());
    };
    const handle = koffi.node.poll(fd, watched, fire);
    return {
      watch(events) {
        if (events.readable === watched.readable && events.writable === watched.writable) return;
        watched = events;
        if (events.readable || events.writable) handle.start(events, fire);
        else handle.stop();
      },
      close() {
        open = false;
        handle.close();
      },
    };
  },
};

function untilReady(call: string, attempt: () => number): number | 'gone' | undefined {
  for (;;) {
    const result = attempt();
    if (result >= 0) return result;
    const name = errnoName(lastErrno());
    if (name === 'EAGAIN' || name === 'EWOULDBLOCK') return undefined;
    // The ordinary end of most connections, when our farewell meets nobody: an error would cost more than the call.
    if (name === 'EPIPE') return 'gone';
    if (name !== 'EINTR') throw systemError(call, lastErrno());
  }
}

/** Every descriptor in the control messages of a read: cmsghdr is a size_t length, an int level and an int type. */
function readDescriptors(block: MessageBlock): number[] {
  const found: number[] = [];
  const { control, controlLength } = block;
  for (let at = 0; at + cmsgHeader <= controlLength; ) {
    const length = Number(control.getBigUint64(at, true));
    if (length < cmsgHeader) break;
    if (control.getInt32(at + 8, true) === SOL_SOCKET && control.getInt32(at + 12, true) === SCM_RIGHTS) {
      for (let fd = at + cmsgHeader; fd + 4 <= at + length; fd += 4) found.push(control.getInt32(fd, true));
    }
    at += (length + 7) & ~7;
  }
  return found;
}

function writeDescriptor(block: MessageBlock, descriptor: number): void {
  const { control } = block;
  control.setBigUint64(0, BigInt(cmsgHeader + 4), true);
  control.setInt32(8, SOL_SOCKET, true);
  control.setInt32(12, SCM_RIGHTS, true);
  control.setInt32(cmsgHeader, descriptor, true);
  block.setControlLength(cmsgHeader + 8);
}
