import { closeSync } from 'node:fs';
import { parseMessages } from 'netlink/dist/structs.js';
import { decodeLink } from '../../src/link/link-codec.js';
import { RTM } from '../../src/link/rtnetlink.js';
import { lastErrno, libc, systemError } from '../../src/native/libc.js';
import { insideNetworkNamespace, type NamespaceFile } from '../../src/native/network-namespace.js';
import { unixSocketCalls } from '../../src/native/unix-socket.js';
import type { Link } from '../../src/ports/links.js';

const socket: (domain: number, type: number, protocol: number) => number = libc.func(
  'int socket(int domain, int type, int protocol)',
);
const bind: (fd: number, address: Uint8Array, length: number) => number = libc.func(
  'int bind(int fd, const void *address, unsigned int length)',
);

const AF_NETLINK = 16;
const SOCK_RAW_CLOEXEC_NONBLOCK = 3 | 0o2000000 | 0o4000;
const RTMGRP_LINK = 1;

/** A link appeared or changed, or left: for another namespace or for good. */
export interface LinkEvent {
  readonly kind: 'present' | 'gone';
  readonly link: Link;
}

/** What the kernel tells about the links of one namespace (rtnetlink(7), RTMGRP_LINK), as it happens. */
export class LinkEvents implements Disposable {
  readonly #fd: number;
  readonly #onEvent: (event: LinkEvent) => void;
  readonly #readiness: { close(): void };

  constructor(namespace: NamespaceFile, onEvent: (event: LinkEvent) => void) {
    this.#fd = insideNetworkNamespace(namespace, openSocket);
    this.#onEvent = onEvent;
    const readiness = unixSocketCalls.readiness(this.#fd, () => this.drain());
    readiness.watch({ readable: true, writable: false });
    this.#readiness = readiness;
  }

  /** Delivers all that has happened so far: the kernel queues an event before the call that causes it returns. */
  drain(): void {
    for (;;) {
      const received = unixSocketCalls.receive(this.#fd);
      if (received === undefined) return;
      for (const { type, data } of parseMessages(received.bytes)) {
        if (type === RTM.NEWLINK) this.#onEvent({ kind: 'present', link: decodeLink(data) });
        if (type === RTM.DELLINK) this.#onEvent({ kind: 'gone', link: decodeLink(data) });
      }
    }
  }

  [Symbol.dispose](): void {
    this.#readiness.close();
    closeSync(this.#fd);
  }
}

function openSocket(): number {
  const fd = socket(AF_NETLINK, SOCK_RAW_CLOEXEC_NONBLOCK, 0);
  if (fd < 0) throw systemError('socket(AF_NETLINK)', lastErrno());
  // struct sockaddr_nl: family and padding, port (the kernel gives one), groups.
  const address = Buffer.alloc(12);
  address.writeUInt16LE(AF_NETLINK, 0);
  address.writeUInt32LE(RTMGRP_LINK, 8);
  if (bind(fd, address, address.length) === 0) return fd;
  const errno = lastErrno();
  closeSync(fd);
  throw systemError('bind(AF_NETLINK)', errno);
}
