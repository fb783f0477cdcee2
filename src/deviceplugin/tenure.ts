import type { Clock } from '../ports/clock.js';
import { ForwarderError } from '../ports/error.js';
import type { PluginFolder } from './plugin-folder.js';
import { type FileIdentity, fileIdentity } from './socket-file.js';

/**
 * How long a registered plugin waits for kubelet to open ListAndWatch. It does so right after its answer, unless it took
 * the end of a former plugin's stream for the end of this one.
 */
const STREAM_WAIT_MS = 3_000;

/** What one tenure stands on, besides the socket file. */
export interface TenureParts {
  readonly folder: PluginFolder;
  readonly clock: Clock;
  /** Where the plugin serves. */
  readonly socket: string;
  readonly kubelet: FileIdentity;
}

/**
 * One registration with one kubelet on one socket, from before Register until it is worth nothing any more. Its signal
 * aborts with a ForwarderError `unavailable` that says why, or with the parent's reason.
 */
export class Tenure implements Disposable {
  readonly signal: AbortSignal;
  readonly #parts: TenureParts;
  readonly #end = new AbortController();
  readonly #opened = new AbortController();

  constructor(parts: TenureParts, parent: AbortSignal) {
    this.#parts = parts;
    this.signal = AbortSignal.any([parent, this.#end.signal]);
  }

  /** Called when the plugin serves: from now on the tenure also ends when this socket file or kubelet's is lost. */
  serves(ownSocket: FileIdentity): void {
    void this.#watchSockets(ownSocket);
  }

  /** How many ListAndWatch streams are open now. Kubelet never opens a second one: the end of the last is the end. */
  streams(open: number): void {
    if (open > 0) this.#opened.abort();
    else this.#over('kubelet ended the device stream');
  }

  /** Ends the tenure, because kubelet goes by it no more. */
  lose(reason: string): void {
    this.#over(reason);
  }

  /** From the answer to Register on: kubelet has to open a stream soon. Resolves, never rejects, when all is over. */
  async over(): Promise<void> {
    const { clock } = this.#parts;
    const either = AbortSignal.any([this.signal, this.#opened.signal]);
    await clock.sleep(STREAM_WAIT_MS, either).then(
      () => this.#over(`kubelet opened no device stream within ${STREAM_WAIT_MS} ms of the registration`),
      () => undefined,
    );
    if (this.signal.aborted) return;
    await new Promise<void>((resolve) => this.signal.addEventListener('abort', () => resolve(), { once: true }));
  }

  [Symbol.dispose](): void {
    this.#over('closed');
  }

  async #watchSockets(ownSocket: FileIdentity): Promise<void> {
    try {
      this.#over(await this.#parts.folder.until(() => this.#lostSocket(ownSocket), this.signal));
    } catch (thrown) {
      if (!this.signal.aborted) this.#over(`cannot look at the sockets: ${String(thrown)}`);
    }
  }

  /** Without a kubelet.sock nothing can be gained by leaving: the streams that are open may live on. */
  async #lostSocket(ownSocket: FileIdentity): Promise<string | undefined> {
    const { folder, socket, kubelet } = this.#parts;
    const served = await folder.kubelet();
    if (served === undefined) return undefined;
    if (served !== kubelet) return 'kubelet has been restarted';
    return (await fileIdentity(socket)) === ownSocket ? undefined : `somebody removed or replaced ${socket}`;
  }

  #over(reason: string): void {
    this.#end.abort(new ForwarderError('unavailable', reason));
  }
}
