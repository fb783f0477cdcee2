import { closeSync } from 'node:fs';
import { unixSocketCalls } from '../native/unix-socket.js';
import type { Clock } from '../ports/clock.js';
import { ForwarderError, toForwarderError } from '../ports/error.js';
import { connectionClosed } from './connection-closed.js';
import { type InodeUrl, inodeUrlOfDescriptor, parseInodeUrl } from './inode-url.js';
import { type ReceivedDescriptor, receivedDescriptor } from './received-descriptor.js';

export interface ShelfOptions {
  readonly clock: Clock;
  /** How long a peer may leave us waiting for a descriptor that it announced, in ms. */
  readonly patienceMs: number;
  /** How many descriptors are kept at once. Beyond that the oldest goes, claimed ones first. */
  readonly capacity: number;
}

/** The limits that peers see unless told otherwise. */
export const shelfDefaults = { patienceMs: 1000, capacity: 64 } as const;

interface Kept {
  readonly fd: number;
  claimed: boolean;
}

/**
 * The descriptors that one connection brought, by inode, until the connection closes (nsm-wire 6.2). Nothing on the wire
 * ties a descriptor to a call: the inode is the only link, and it may arrive before or after the call that names it.
 */
export class DescriptorShelf {
  readonly #options: ShelfOptions;
  readonly #kept = new Map<InodeUrl, Kept>();
  readonly #arrivals = new Map<InodeUrl, Set<() => void>>();
  readonly #closing = new AbortController();

  constructor(options: ShelfOptions) {
    this.#options = options;
  }

  /** Takes over a descriptor. One whose inode is here already is closed. */
  put(fd: number): void {
    const name = inodeUrlOfDescriptor(fd);
    if (this.#isClosed || this.#kept.has(name)) {
      closeSync(fd);
      return;
    }
    if (this.#kept.size >= this.#options.capacity) this.#dropOldest();
    this.#kept.set(name, { fd, claimed: false });
    for (const arrived of this.#arrivals.get(name) ?? []) arrived();
  }

  /**
   * A duplicate of the announced descriptor, at once or when it comes.
   *
   * @throws ForwarderError `invalid` (not an inode URL), `refused` (the peer's patience is over), `unavailable` (the
   * connection closed), or the signal's reason
   */
  async claim(url: string, signal: AbortSignal): Promise<ReceivedDescriptor> {
    const name = parseInodeUrl(url);
    if (!this.#isClosed && !this.#kept.has(name)) await this.#arrival(name, signal);
    const kept = this.#kept.get(name);
    if (kept === undefined)
      throw this.#isClosed ? connectionClosed(this.#closing.signal.reason) : this.#neverCame(name);
    kept.claimed = true;
    return receivedDescriptor(unixSocketCalls.duplicate(kept.fd));
  }

  /** Closes everything and fails those who wait. */
  close(cause?: Error | null): void {
    // Without a reason an abort makes an error with a stack trace, for each connection that just ends.
    this.#closing.abort(cause ?? 'closed');
    for (const { fd } of this.#kept.values()) closeSync(fd);
    this.#kept.clear();
  }

  get #isClosed(): boolean {
    return this.#closing.signal.aborted;
  }

  async #arrival(name: InodeUrl, signal: AbortSignal): Promise<void> {
    const done = new AbortController();
    const stop = AbortSignal.any([signal, this.#closing.signal, done.signal]);
    await new Promise<void>((resolve, reject) => {
      this.#expect(name, resolve, done.signal);
      this.#options.clock.sleep(this.#options.patienceMs, stop).then(
        () => reject(this.#neverCame(name)),
        () => reject(signal.aborted ? toForwarderError(signal.reason) : connectionClosed(this.#closing.signal.reason)),
      );
    }).finally(() => done.abort());
  }

  #expect(name: InodeUrl, arrived: () => void, until: AbortSignal): void {
    const waiters = this.#arrivals.get(name) ?? new Set();
    this.#arrivals.set(name, waiters.add(arrived));
    const forget = () => {
      waiters.delete(arrived);
      if (waiters.size === 0) this.#arrivals.delete(name);
    };
    until.addEventListener('abort', forget, { once: true });
  }

  #neverCame(name: InodeUrl): ForwarderError {
    return new ForwarderError(
      'refused',
      `the peer named ${name} and sent no such descriptor within ${this.#options.patienceMs} ms: is it a Go NSM component ` +
        'at log level WARN or ERROR? It passes descriptors only at INFO and below',
    );
  }

  #dropOldest(): void {
    const entries = [...this.#kept];
    const oldest = entries.find(([, kept]) => kept.claimed) ?? entries[0];
    if (oldest === undefined) return;
    this.#kept.delete(oldest[0]);
    closeSync(oldest[1].fd);
  }
}
