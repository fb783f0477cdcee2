import type { Clock } from '../ports/clock.js';
import { ForwarderError } from '../ports/error.js';
import type { AttributeWrite, AttributeWriter } from './attribute-writer.js';
import { Slots } from './slots.js';
import { WriteProcess } from './write-process.js';

/** How many helper processes there may be, and for how long. */
export interface WriteHelperLimits {
  /** Writes at the same time; more wait in line. */
  readonly working: number;
  /** Helpers that the kernel holds although their caller left; beyond that every write is refused. */
  readonly stuck: number;
  /** Milliseconds after which an idle helper ends. */
  readonly idle: number;
}

interface IdleHelper {
  readonly process: WriteProcess;
  readonly hired: AbortController;
}

interface StuckWrite {
  readonly file: string;
  readonly ended: Promise<void>;
}

const defaultLimits: WriteHelperLimits = { working: 4, stuck: 16, idle: 10_000 };

/** Milliseconds that a killed helper gets to leave before its write counts as held by the kernel. */
const leavingTime = 250;

/**
 * Writes through helper processes ({@link WriteProcess}), so that a write which the kernel holds costs one helper and
 * neither the event loop nor a thread of this process. A caller that leaves leaves such a helper behind, killed; it
 * goes when the kernel lets go, and until then nothing else is written for its subject.
 */
export class WriteHelpers implements AttributeWriter, Disposable {
  readonly #clock: Clock;
  readonly #limits: WriteHelperLimits;
  readonly #slots: Slots;
  readonly #idle: IdleHelper[] = [];
  readonly #stuck = new Map<string, StuckWrite>();
  readonly #end = new AbortController();

  constructor(clock: Clock, limits: Partial<WriteHelperLimits> = {}) {
    this.#clock = clock;
    this.#limits = { ...defaultLimits, ...limits };
    this.#slots = new Slots(this.#limits.working);
  }

  async write(write: AttributeWrite, signal: AbortSignal): Promise<void> {
    // Not AbortSignal.any: what it makes stays with the signal of this object, which lives as long as the daemon.
    using either = this.#clock.deadline(`writing ${write.file}`, Number.POSITIVE_INFINITY, signal, this.#end.signal);
    const until = either.signal;
    until.throwIfAborted();
    await this.#refuseWhenStuck(write, until);
    using _slot = await this.#slots.take(until);
    const helper = this.#hire();
    try {
      await helper.write({ file: write.file, text: write.text }, until);
    } finally {
      if (until.aborted) this.#abandon(helper, write);
      else if (helper.usable) this.#rest(helper);
    }
  }

  /** Kills all helpers; writes that are under way reject with `cancelled`. */
  [Symbol.dispose](): void {
    this.#end.abort(new ForwarderError('cancelled', 'no more writes to the PCI tree: the adapter is closed'));
    for (const rested of this.#idle.splice(0)) {
      rested.hired.abort();
      rested.process.kill();
    }
  }

  async #refuseWhenStuck({ file, subject }: AttributeWrite, signal: AbortSignal): Promise<void> {
    const before = this.#stuck.get(subject);
    if (before !== undefined) await this.#waitBriefly(before.ended, signal);
    const still = this.#stuck.get(subject);
    if (still !== undefined) {
      const why = `the kernel still holds an earlier write for ${subject}, to ${still.file}`;
      throw new ForwarderError('busy', `cannot write to ${file}: ${why}`);
    }
    if (this.#stuck.size >= this.#limits.stuck) {
      const whose = [...this.#stuck.keys()].join(', ');
      throw new ForwarderError('exhausted', `cannot write to ${file}: the kernel holds the writes for ${whose}`);
    }
  }

  async #waitBriefly(ended: Promise<void>, signal: AbortSignal): Promise<void> {
    const over = new AbortController();
    const timer = this.#clock.sleep(leavingTime, AbortSignal.any([signal, over.signal])).catch(() => undefined);
    await Promise.race([ended, timer]);
    over.abort();
    signal.throwIfAborted();
  }

  #hire(): WriteProcess {
    for (let rested = this.#idle.pop(); rested !== undefined; rested = this.#idle.pop()) {
      rested.hired.abort();
      if (rested.process.usable) return rested.process;
    }
    return new WriteProcess();
  }

  #rest(process: WriteProcess): void {
    const rested = { process, hired: new AbortController() };
    this.#idle.push(rested);
    this.#clock.sleep(this.#limits.idle, rested.hired.signal).then(
      () => this.#dismiss(rested),
      () => undefined, // hired, or killed at the end
    );
  }

  #dismiss(rested: IdleHelper): void {
    const position = this.#idle.indexOf(rested);
    if (position === -1) return;
    this.#idle.splice(position, 1);
    rested.process.kill();
  }

  #abandon(process: WriteProcess, { subject, file }: AttributeWrite): void {
    process.kill();
    this.#stuck.set(subject, { file, ended: process.ended });
    void process.ended.then(() => this.#stuck.delete(subject));
  }
}
