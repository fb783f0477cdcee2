import { expect } from 'chai';
import type { DaemonProcess } from '../../simulation/daemon-process.js';
import { SystemClock } from '../../src/clock/system-clock.js';
import { Durations } from './durations.js';
import { kill, writeHelpers } from './processes.js';
import type { Random } from './random.js';

/** Where daemons are started one after the other. */
export interface Cradle {
  /** The one that was started last. */
  readonly daemon: DaemonProcess;
  /** Which the environment of all of them names. */
  readonly folder: string;
  launchDaemon(): DaemonProcess;
}

export interface LivesParts {
  readonly node: Cradle;
  readonly random: Random;
  /** How many calls of clients have succeeded so far. */
  readonly served: () => number;
  /** Longest time that a start may take, ms; a minute unless told. */
  readonly startMs?: number;
  /** Longest life under load, ms; five seconds unless told. */
  readonly loadMs?: number;
}

/** How many lives end before the daemon serves; the others end under load. */
const cutShort = 0.3;
/** A life under load ends when at most so many calls were served, or when they take too long; and a little later, ms. */
const load = { calls: 40, moreMs: 100 };
/** Calls of a machine with a processor of its own. */
const usualLoadMs = 5_000;
/** Between two looks at how many calls were served, ms. */
const lookMs = 5;
/** How many lives lose their write helpers, some time before they end. */
const robbed = 0.3;
/** How long a start takes until one was seen. */
const firstGuessMs = 1_000;
/** Enough for a start on a machine that has much else to do. */
const usualStartMs = 60_000;

/** How many logs are kept. */
const keptLogs = 40;

/** What the daemon says when it begins to take calls. */
const serving = 'phase: listening';

/** The lives of daemons that follow each other on a node, each of which ends by SIGKILL at a random instant. */
export class Lives {
  /** From the start of the process until it takes calls. */
  readonly starts = new Durations();
  kills = 0;
  killsBeforeServing = 0;
  killedHelpers = 0;
  /** What the last of them have logged, oldest first. */
  readonly logs: (readonly string[])[] = [];
  readonly #node: Cradle;
  readonly #random: Random;
  readonly #served: () => number;
  readonly #startMs: number;
  readonly #loadMs: number;
  readonly #clock = new SystemClock();

  constructor({ node, random, served, startMs = usualStartMs, loadMs = usualLoadMs }: LivesParts) {
    this.#node = node;
    this.#random = random;
    this.#served = served;
    this.#startMs = startMs;
    this.#loadMs = loadMs;
  }

  /** A daemon that lives for a random while, alone or under the load of whoever asks it. */
  async liveShortly(): Promise<void> {
    const { daemon, launched } = this.#launch();
    const serves = this.#serving(daemon, launched);
    if (this.#random.chance(cutShort)) {
      await this.#pause(1.2 * (this.starts.quantile(0.5) ?? firstGuessMs));
    } else {
      await serves;
      await this.underLoad();
    }
    await this.kill();
    await serves.catch(() => undefined);
  }

  /** A daemon that serves when this resolves. */
  async begin(): Promise<DaemonProcess> {
    const { daemon, launched } = this.#launch();
    await this.#serving(daemon, launched);
    await this.#reached(daemon, 'phase: registered');
    return daemon;
  }

  /** Kills the one that lives now. */
  async kill(): Promise<void> {
    const { daemon } = this.#node;
    if (!daemon.lines.some((line) => line.includes(serving))) this.killsBeforeServing += 1;
    const ending = await daemon.stop('SIGKILL');
    this.kills += 1;
    expect(ending, daemon.lines.slice(-5).join('\n')).to.deep.equal({ code: null, signal: 'SIGKILL' });
  }

  /** A random while for the one that serves now, in which it may lose its write helpers. */
  async underLoad(): Promise<void> {
    if (this.#random.chance(robbed)) {
      await this.#calls();
      for (const pid of writeHelpers(this.#node.folder)) {
        kill(pid);
        this.killedHelpers += 1;
      }
    }
    await this.#calls();
  }

  #launch(): { readonly daemon: DaemonProcess; readonly launched: number } {
    const launched = this.#clock.now();
    const daemon = this.#node.launchDaemon();
    if (this.logs.push(daemon.lines) > keptLogs) this.logs.shift();
    return { daemon, launched };
  }

  async #serving(daemon: DaemonProcess, launched: number): Promise<void> {
    await this.#reached(daemon, serving);
    this.starts.add(this.#clock.now() - launched);
  }

  async #calls(): Promise<void> {
    const enough = this.#served() + this.#random.below(load.calls);
    const until = this.#clock.now() + this.#loadMs;
    while (this.#served() < enough && this.#clock.now() < until) await this.#clock.sleep(lookMs);
    await this.#pause(load.moreMs);
  }

  async #pause(longestMs: number): Promise<void> {
    await this.#clock.sleep(this.#random.below(Math.ceil(longestMs)));
  }

  /** @throws Error with the daemon's words when it does not get there in time */
  async #reached(daemon: DaemonProcess, phase: string): Promise<void> {
    const deadline = AbortSignal.timeout(this.#startMs);
    await daemon.logged(phase, deadline).catch((error: unknown) => {
      throw deadline.aborted ? new Error(`no "${phase}" in ${this.#startMs} ms:\n${daemon.lines.join('\n')}`) : error;
    });
  }
}
