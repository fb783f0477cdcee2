import type { ErrorKind } from '../../src/ports/error.js';

/**
 * How a call goes wrong.
 *
 * - `before`: it is refused, nothing happened.
 * - `after`: it has happened, and yet an error is reported whose kind says that nobody knows.
 * - `hang`, `hang-after`: no answer until the caller's signal fires; nothing happened, or it has. A call without a
 *   signal cannot hang: it fails (`before`, `after`).
 * - `crash`, `crash-after`: the process ends right before or right after; it never sees the outcome.
 */
export type Fault = 'before' | 'after' | 'hang' | 'hang-after' | 'crash' | 'crash-after';

/** A fault to happen now. The kind is that of `before`; after an effect it is always `unknown`. */
export interface DueFault {
  readonly fault: Fault;
  readonly kind: ErrorKind;
}

interface Planned extends DueFault {
  readonly hits: (n: number, name: string) => boolean;
  readonly once: boolean;
}

/** Every port call of the node in the order of their beginning, and which of them go wrong. */
export class FaultPlan {
  /** Readable names such as `links.move home #4 eth1 to /sim/ns/a as nsm-1`. */
  readonly calls: string[] = [];
  readonly #planned = new Set<Planned>();

  /** Planned faults that have not happened: when one is left, the scenario made fewer calls than that. */
  get pending(): number {
    return this.#planned.size;
  }

  /** Plans a fault for the n-th call, counted from 1 since the beginning or the last {@link restart}. */
  failAt(n: number, fault: Fault, kind: ErrorKind = 'refused'): void {
    this.#planned.add({ fault, kind, once: true, hits: (number) => number === n });
  }

  /** Plans a fault for the next call whose name begins so (`pci.bind`, `links.move home`). */
  failNext(name: string, fault: Fault, kind: ErrorKind = 'refused'): void {
    this.#planned.add({ fault, kind, once: true, hits: (_, called) => called.startsWith(name) });
  }

  /** Makes every call whose name begins so go wrong until the result is disposed. */
  failEvery(name: string, fault: Fault, kind: ErrorKind = 'refused'): Disposable {
    const planned = { fault, kind, once: false, hits: (_: number, called: string) => called.startsWith(name) };
    this.#planned.add(planned);
    return { [Symbol.dispose]: () => void this.#planned.delete(planned) };
  }

  /** Forgets all calls and plans: the next call is number 1. */
  restart(): void {
    this.calls.length = 0;
    this.#planned.clear();
  }

  /** Notes a call; what it returns must happen to it. */
  enter(name: string): DueFault | undefined {
    const n = this.calls.push(name);
    for (const planned of this.#planned) {
      if (!planned.hits(n, name)) continue;
      if (planned.once) this.#planned.delete(planned);
      return planned;
    }
    return undefined;
  }
}
