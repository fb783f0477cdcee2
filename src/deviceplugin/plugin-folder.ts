import { watch } from 'node:fs';
import { join, resolve } from 'node:path';
import type { Clock } from '../ports/clock.js';
import { toForwarderError } from '../ports/error.js';
import { hasFired } from '../ports/has-fired.js';
import type { Log } from '../ports/log.js';
import { type FileIdentity, fileIdentity } from './socket-file.js';

/** How often the folder is looked at without an event: inotify goes blind when a bind-mounted folder is replaced. */
const POLL_MS = 5_000;

/**
 * Kubelet's device-plugin folder, seen by all plugins together. It promises only that {@link PluginFolder.until} looks
 * again soon after anything happened there, and every five seconds.
 */
export class PluginFolder implements Disposable {
  readonly path: string;
  readonly kubeletSocket: string;
  readonly #clock: Clock;
  readonly #log: Log;
  readonly #stopping = new AbortController();
  readonly #waiting = new Set<() => void>();
  #looks = 0;

  constructor(options: { path: string; clock: Clock; log: Log }) {
    this.path = resolve(options.path);
    this.kubeletSocket = join(this.path, 'kubelet.sock');
    this.#clock = options.clock;
    this.#log = options.log.with({ folder: this.path });
    void this.#keepWatching();
  }

  /** Who serves kubelet.sock now; undefined when the file is not there. */
  kubelet(): Promise<FileIdentity | undefined> {
    return fileIdentity(this.kubeletSocket);
  }

  /**
   * Resolves with the first defined result of the probe, which is called now and after every look.
   *
   * @throws the signal's reason, or what the probe throws
   */
  async until<T>(probe: () => Promise<T | undefined>, signal: AbortSignal): Promise<T> {
    for (;;) {
      const seen = this.#looks;
      signal.throwIfAborted();
      const found = await probe();
      signal.throwIfAborted();
      if (found !== undefined) return found;
      if (seen === this.#looks) await this.#nextLook(signal);
    }
  }

  [Symbol.dispose](): void {
    this.#stopping.abort();
  }

  #nextLook(signal: AbortSignal): Promise<void> {
    return new Promise((resolve, reject) => {
      const looked = () => {
        this.#waiting.delete(looked);
        signal.removeEventListener('abort', aborted);
        resolve();
      };
      const aborted = () => {
        this.#waiting.delete(looked);
        reject(toForwarderError(signal.reason));
      };
      this.#waiting.add(looked);
      signal.addEventListener('abort', aborted, { once: true });
    });
  }

  #look(): void {
    this.#looks += 1;
    for (const looked of [...this.#waiting]) looked();
  }

  async #keepWatching(): Promise<void> {
    const { signal } = this.#stopping;
    let watched: { folder: FileIdentity; stop: AbortController } | undefined;
    while (!signal.aborted) {
      const folder = await fileIdentity(this.path).catch(() => undefined);
      if (folder !== watched?.folder) {
        watched?.stop.abort();
        watched = folder === undefined || hasFired(signal) ? undefined : this.#watch(folder);
      }
      this.#look();
      await this.#clock.sleep(POLL_MS, signal).catch(() => undefined);
    }
    watched?.stop.abort();
  }

  #watch(folder: FileIdentity): { folder: FileIdentity; stop: AbortController } {
    const stop = new AbortController();
    try {
      watch(this.path, { signal: stop.signal }, () => this.#look()).on('error', (error) => this.#blind(error));
    } catch (thrown) {
      this.#blind(thrown);
    }
    return { folder, stop };
  }

  #blind(thrown: unknown): void {
    this.#log.warn('cannot watch the device-plugin folder, polling it only', { reason: String(thrown) });
  }
}
