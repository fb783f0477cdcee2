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

  /** Takes over what the registry passed for a URL; for other kinds of URL there is nothing to do. */
  async receive(url: string, registry: Peer, signal: AbortSignal): Promise<void> {
    if (!isInodeUrl(url)) return;
    if (this.#sockets.has(url)) {
      this.#touch(url);
      return;
    }
    const socket = await registry.receive(url, signal);
    this.#sockets.get(url)?.[Symbol.dispose]();
    this.#sockets.set(url, socket);
    this.#evict();
  }

  /** The URL to dial: `unix:///proc/self/fd/N` for a socket that we hold. */
  target(url: string): string {
    const socket = this.#sockets.get(url);
    if (socket === undefined) return url;
    this.#touch(url);
    return `unix://${socket.path}`;
  }

  get size(): number {
    return this.#sockets.size;
  }

  [Symbol.dispose](): void {
    for (const socket of this.#sockets.values()) socket[Symbol.dispose]();
    this.#sockets.clear();
  }

  #touch(url: string): void {
    const socket = this.#sockets.get(url);
    if (socket === undefined) return;
    this.#sockets.delete(url);
    this.#sockets.set(url, socket);
  }

  #evict(): void {
    for (const [url, socket] of this.#sockets) {
      if (this.#sockets.size <= most) return;
      this.#sockets.delete(url);
      socket[Symbol.dispose]();
    }
  }
}
