import type { ErrorKind } from '../../src/ports/error.js';
import { ForwarderError, toForwarderError } from '../../src/ports/error.js';
import type { DueFault, Fault, FaultPlan } from './fault-plan.js';
import type { Turn } from './turn.js';

/** What a {@link CallGate} needs of its node. */
export interface GateParts {
  readonly plan: FaultPlan;
  readonly turn: Turn;
  /** Ends the process that makes the calls. */
  readonly crash: () => void;
}

/** The one way from a process into the simulated kernel: each port call takes its turn here and meets its fault. */
export class CallGate {
  readonly #parts: GateParts;
  #alive = true;

  constructor(parts: GateParts) {
    this.#parts = parts;
  }

  /** The process is gone: none of its calls has an effect or an answer from now on. */
  close(): void {
    this.#alive = false;
  }

  /** A call that waits for its turn. `effect` happens in one go unless it returns a promise. */
  async call<T>(name: string, signal: AbortSignal | undefined, effect: () => T | Promise<T>): Promise<T> {
    const fault = this.#enter(name);
    try {
      await this.#parts.turn(name);
      // Looked at without a pause before the effect: in one, another call might end the process.
      if (!this.#alive) await gone();
      if (signal?.aborted) throw toForwarderError(signal.reason);
      const result = fault === undefined || happens(fault.fault) ? { value: await effect() } : undefined;
      if (fault !== undefined || result === undefined) throw await this.#failure(name, fault, signal);
      return result.value;
    } finally {
      if (!this.#alive) await gone();
    }
  }

  /** A call of a synchronous port; it can fail or crash, but not hang. */
  callNow<T>(name: string, effect: () => T): T {
    const fault = this.#enter(name);
    if (!this.#alive) throw new Error(`${name}: called by a process that has crashed`);
    const result = fault !== undefined && !happens(fault.fault) ? undefined : { value: effect() };
    if (fault?.fault.startsWith('crash')) this.#parts.crash();
    if (fault !== undefined || result === undefined) throw injected(name, fault);
    return result.value;
  }

  /**
   * A call of a synchronous port that acts out itself what a fault does to it; only a crash is none of its business.
   *
   * @returns undefined in a process that has crashed, be it in this call: nobody is there to be told
   */
  callKnowing<T>(
    name: string,
    effect: (fault: Exclude<Fault, 'crash' | 'crash-after'> | undefined) => T,
  ): T | undefined {
    if (!this.#alive) return undefined;
    const fault = this.#enter(name)?.fault;
    if (fault !== 'crash' && fault !== 'crash-after') return effect(fault);
    if (fault === 'crash-after') effect(undefined);
    this.#parts.crash();
    return undefined;
  }

  #enter(name: string): DueFault | undefined {
    return this.#alive ? this.#parts.plan.enter(name) : undefined;
  }

  async #failure(name: string, due: DueFault | undefined, signal: AbortSignal | undefined): Promise<ForwarderError> {
    if (due?.fault.startsWith('crash')) this.#parts.crash();
    if (due?.fault.startsWith('hang') && signal !== undefined) return toForwarderError(await firing(signal));
    return injected(name, due);
  }
}

/** What a process that has crashed gets: it never resolves, so that nothing of it runs on. One for each, to be forgotten with it. */
function gone(): Promise<never> {
  return new Promise(() => undefined);
}

/** True when the effect of a call with this fault happens. */
function happens(fault: Fault): boolean {
  return fault.endsWith('after');
}

function injected(name: string, due: DueFault | undefined): ForwarderError {
  const kind: ErrorKind = due === undefined || happens(due.fault) ? 'unknown' : due.kind;
  return new ForwarderError(kind, `${name}: made to fail (${due?.fault})`, { details: { injected: true } });
}

/** The reason of a signal, when it fires. */
function firing(signal: AbortSignal): Promise<unknown> {
  return new Promise((resolve) => {
    const fired = () => resolve(signal.reason);
    if (signal.aborted) fired();
    else signal.addEventListener('abort', fired, { once: true });
  });
}
