import type { Target } from '../../transport/channels.js';
import { isInodeUrl } from '../../transport/inode-url.js';
import type { Peer } from '../../transport/peer.js';

interface Socket extends Disposable {
  readonly path: string;
}

/** How many endpoints' sockets are kept. */
const most = 1024;

/**
 * Sockets of endpoints that listen in private places: the registry names them `inode://<dev>/<ino>` and passes them as
 * descriptors. They are kept for dialling, the longest unused go first.
 */
export class EndpointSockets implements Disposable {
  readonly #sockets = new Map<string, Socket>();
  readonly #receiving = new Map<string, Promise<void>>();

  /** Takes over what the registry passed for a URL, once; for other kinds of URL there is nothing to do. */
  async receive(url: string, registry: Pick<Peer, 'receive'>, signal: AbortSignal): Promise<void> {
    if (!isInodeUrl(url) || this.#touch(url) !== undefined) return;
    const receiving = this.#receiving.get(url) ?? this.#receive(url, registry, signal);
    this.#receiving.set(url, receiving);
    try {
      await receiving;
    } finally {
      this.#receiving.delete(url);
    }
  }

  /**
   * What to dial for a URL. Connections are shared by the URL, which names the socket itself; the number of our
   * descriptor may name another one tomorrow.
   */
  target(url: string): Target {
    const socket = this.#touch(url);
    return { key: url, address: socket === undefined ? url : `unix://${socket.path}` };
  }

  get size(): number {
    return this.#sockets.size;
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets.values()) socket[Symbol.dispose]();
    this.#sockets.clear();
  }

  async #receive(url: string, registry: Pick<Peer, 'receive'>, signal: AbortSignal): Promise<void> {
    const socket = await registry.receive(url, signal);
    this.#sockets.get(url)?.[Symbol.dispose]();
    this.#sockets.set(url, socket);
    this.#evict();
  }

  /** The socket, as the one used last. */
  #touch(url: string): Socket | undefined {
    const socket = this.#sockets.get(url);
    if (socket === undefined) return undefined;
    this.#sockets.delete(url);
    this.#sockets.set(url, socket);
    return socket;
  }

  #evict(): void {
    for (const [url, socket] of this.#sockets) {
      if (this.#sockets.size <= most) return;
      this.#sockets.delete(url);
      socket[Symbol.dispose]();
    }
  }
}
