import { expect } from 'chai';
import type { DaemonProcess } from '../../../simulation/daemon-process.js';
import { SystemClock } from '../../../src/clock/system-clock.js';
import { ForwarderError } from '../../../src/ports/error.js';

/** What V8 and OpenSSL may keep of what they once needed, MiB: far less than what hostile peers send. */
const slack = 120;
/** Connections to kubelet, registry and next hops come and go. */
const comingAndGoing = 4;
const patienceMs = 30_000;
const pauseMs = 20;

/** What a daemon holds while nobody asks anything of it, to compare with. */
export class DaemonAtRest {
  readonly #daemon: DaemonProcess;
  /** How many. */
  readonly descriptors: number;
  /** MiB. */
  readonly memory: number;

  private constructor(daemon: DaemonProcess) {
    const { descriptors, memory } = daemon.usage();
    this.#daemon = daemon;
    this.descriptors = descriptors.length;
    this.memory = memory;
  }

  /** To be called when everything that it shall count is done. */
  static async of(daemon: DaemonProcess): Promise<DaemonAtRest> {
    const clock = new SystemClock();
    let fewest = daemon.usage().descriptors.length;
    // A connection is gone for its client a moment before it is for the daemon.
    for (let same = 0; same < 10; same += 1) {
      await clock.sleep(pauseMs);
      const now = daemon.usage().descriptors.length;
      if (now !== fewest) same = -1;
      fewest = now;
    }
    return new DaemonAtRest(daemon);
  }

  /** Resolves when it holds as many descriptors as then, but for a few, and not much more memory. */
  async again(): Promise<void> {
    const clock = new SystemClock();
    const end = clock.now() + patienceMs;
    while (this.#daemon.usage().descriptors.length > this.descriptors + comingAndGoing) {
      if (clock.now() > end) throw this.#left();
      await clock.sleep(pauseMs);
    }
    expect(this.#daemon.usage().memory, 'memory, MiB').to.be.below(this.memory + slack);
  }

  #left(): ForwarderError {
    const { descriptors } = this.#daemon.usage();
    return new ForwarderError(
      'timed-out',
      `${descriptors.length} descriptors, were ${this.descriptors}: ${descriptors}`,
    );
  }
}
