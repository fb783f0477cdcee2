import type { PciAddress } from '../../src/ports/pci-address.js';
import { KernelRefusal } from './kernel-refusal.js';

/** What the emulated kernel does that can be made to go wrong. */
export type KernelOperation = 'bind' | 'unbind' | 'reset' | 'set-vf-count';

/** A fault waiting to happen once; a hanging operation goes on when it is released. */
export interface PlannedFault {
  /** Resolves when an operation has run into the fault. */
  readonly met: Promise<void>;
  release(): void;
}

interface Plan {
  readonly operation: KernelOperation;
  readonly address: PciAddress | undefined;
  readonly happen: () => Promise<void>;
}

/** Faults by plan: each hits the next operation of its kind, of one function or of any, and is then gone. */
export class Faults {
  readonly #plans: Plan[] = [];
  readonly #hanging = new Set<() => void>();

  /** The operation fails with this errno, as when a driver's probe does. */
  failNext(operation: KernelOperation, errno: string, address?: PciAddress): PlannedFault {
    return this.#plan(operation, address, () =>
      Promise.reject(new KernelRefusal(errno, `${operation} was told to fail`)),
    );
  }

  /** The operation waits for release, like unbinding a function whose device is in use by a process. */
  hangNext(operation: KernelOperation, address?: PciAddress): PlannedFault {
    let release = () => {};
    const released = new Promise<void>((resolve) => {
      release = resolve;
    });
    this.#hanging.add(release);
    const fault = this.#plan(operation, address, () => released);
    return { met: fault.met, release };
  }

  /** Runs into a planned fault, if there is one for this operation. */
  async meet(operation: KernelOperation, address: PciAddress): Promise<void> {
    const position = this.#plans.findIndex(
      (plan) => plan.operation === operation && (plan.address ?? address) === address,
    );
    if (position !== -1) await this.#plans.splice(position, 1)[0]?.happen();
  }

  /** Lets everything that hangs go on. */
  releaseAll(): void {
    for (const release of this.#hanging) release();
    this.#hanging.clear();
  }

  #plan(operation: KernelOperation, address: PciAddress | undefined, happen: () => Promise<void>): PlannedFault {
    let noteMet = () => {};
    const met = new Promise<void>((resolve) => {
      noteMet = resolve;
    });
    const noted = () => {
      noteMet();
      return happen();
    };
    this.#plans.push({ operation, address, happen: noted });
    return { met, release: () => {} };
  }
}
