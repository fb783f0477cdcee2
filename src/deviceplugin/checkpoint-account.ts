import { toForwarderError } from '../ports/error.js';
import type { Log } from '../ports/log.js';
import type { DeviceCheckpointFile } from './device-checkpoint.js';

/**
 * What kubelet's checkpoint says of ids: `unreadable`, `stale` while it may be older than what is asked about, or the ids
 * that kubelet counts as given to pods.
 */
export type CheckpointAccount = 'unreadable' | 'stale' | ReadonlySet<string>;

/** What the account is taken from. */
export interface CheckpointAccountParts {
  readonly file: Pick<DeviceCheckpointFile, 'read'>;
  /** Makes kubelet write its checkpoint anew, soon: it does for every list of a device plugin. */
  readonly prompt: () => void;
  readonly log: Log;
}

/**
 * Kubelet's second account of which ids pods have. A kubelet that was restarted while its API server is away lists only
 * some of its pods, though all of them run; its checkpoint has them all. It is written now and then only, so that it
 * counts once it was written after somebody asked.
 */
export class CheckpointReader {
  readonly #parts: CheckpointAccountParts;
  #asked: string | undefined;
  #failing = false;

  constructor(parts: CheckpointAccountParts) {
    this.#parts = parts;
  }

  /** What the checkpoint says now; asks for a fresh one for the next time. */
  async account(): Promise<CheckpointAccount> {
    const { file, prompt, log } = this.#parts;
    try {
      const { version, entries } = await file.read();
      const fresh = this.#asked !== undefined && this.#asked !== version;
      this.#asked = version;
      prompt();
      this.#failing = false;
      return fresh ? new Set(entries.flatMap(({ devices }) => devices)) : 'stale';
    } catch (thrown) {
      if (!this.#failing) log.debug('kubelet’s checkpoint does not help', { reason: toForwarderError(thrown).message });
      this.#failing = true;
      return 'unreadable';
    }
  }

  /** Nothing is asked about any more: a checkpoint from before does not count the next time. */
  rest(): void {
    this.#asked = undefined;
  }
}
