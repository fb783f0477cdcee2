import { ForwarderError, toForwarderError } from '../ports/error.js';
import type { PciAddress } from '../ports/pci-address.js';
import { driverMissing } from './binding-meanings.js';
import { isUserspaceDriver, requireDriverName } from './driver-name.js';
import { DriverSteps } from './driver-steps.js';
import { requireFunction } from './function-facts.js';
import { requireResettable } from './function-reset.js';
import { pathExists } from './read-attribute.js';
import { driverFolder, functionAttribute, type SysfsRoots } from './sysfs-tree.js';
import type { TreeAccess } from './tree-access.js';
import { Turns } from './turns.js';

interface Change {
  readonly address: PciAddress;
  readonly from: string | undefined;
  readonly to: string;
}

/** Changes the drivers of single VFs and resets them, one change at a time for each. */
export class DriverBinding {
  readonly #access: TreeAccess;
  readonly #timeout: number;
  readonly #turns = new Turns();

  /** @param timeout milliseconds for one change, where the caller's signal does not fire earlier */
  constructor(access: TreeAccess, timeout: number) {
    this.#access = access;
    this.#timeout = timeout;
  }

  /** See {@link PciBus.bind}. A refusal leaves the function with the driver it had; a timeout may leave it with none. */
  async bind(address: PciAddress, driver: string, signal: AbortSignal): Promise<void> {
    requireDriverName(driver);
    await this.#change(`binding ${address} to ${driver}`, { address, signal }, async (steps) => {
      const from = await steps.driver();
      if (from === driver) return;
      await requireVirtualFunction(this.#access.roots, address);
      await requireDriver(this.#access.roots, driver);
      await this.#rebind(steps, { address, from, to: driver });
    });
  }

  /** See {@link PciBus.unbind}. */
  async unbind(address: PciAddress, signal: AbortSignal): Promise<void> {
    await this.#change(`unbinding ${address}`, { address, signal }, async (steps) => {
      await requireFunction(this.#access.roots, address);
      const driver = await steps.driver();
      if (driver === undefined) return;
      await requireVirtualFunction(this.#access.roots, address);
      await steps.unbindFrom(driver);
    });
  }

  /** See {@link PciBus.reset}: with a driver bound, that driver would not know what happened to its device. */
  async reset(address: PciAddress, signal: AbortSignal): Promise<void> {
    await this.#change(`resetting ${address}`, { address, signal }, async (steps) => {
      await requireVirtualFunction(this.#access.roots, address);
      const driver = await steps.driver();
      if (driver !== undefined) {
        throw new ForwarderError('busy', `${address} is not reset while driver ${driver} has it: unbind it first`);
      }
      await requireResettable(this.#access.roots, address);
      await steps.reset();
    });
  }

  async #change(
    what: string,
    { address, signal }: { readonly address: PciAddress; readonly signal: AbortSignal },
    work: (steps: DriverSteps) => Promise<void>,
  ): Promise<void> {
    using deadline = this.#access.clock.deadline(what, this.#timeout, signal);
    using _turn = await this.#turns.take(address, deadline.signal);
    await work(new DriverSteps(this.#access, address, deadline.signal));
  }

  async #rebind(steps: DriverSteps, change: Change): Promise<void> {
    await steps.override(change.to);
    try {
      if (change.from !== undefined) await steps.unbindFrom(change.from);
      await steps.bindTo(change.to);
      if (!isUserspaceDriver(change.to)) await steps.override(undefined);
    } catch (thrown) {
      throw await this.#putBack(toForwarderError(thrown), change);
    }
  }

  /** The failure to report, once the function is as it was. After a timeout the kernel may still be at it: hands off. */
  async #putBack(failure: ForwarderError, { address, from, to }: Change): Promise<ForwarderError> {
    if (failure.kind === 'timed-out' || failure.kind === 'cancelled') return failure;
    using deadline = this.#access.clock.deadline(`putting ${address} back`, this.#timeout);
    const steps = new DriverSteps(this.#access, address, deadline.signal);
    try {
      const now = await steps.driver();
      if (now === to) await steps.unbindFrom(to);
      if (from !== undefined && now !== from) {
        await steps.override(from);
        await steps.bindTo(from);
      }
      if (from === undefined || !isUserspaceDriver(from)) await steps.override(undefined);
      return failure;
    } catch (undo) {
      const { kind, message, details, cause } = failure;
      return new ForwarderError(kind, message, { cause, details, undoFailures: [toForwarderError(undo)] });
    }
  }
}

/** @throws ForwarderError `refused`: a PF's driver is never touched, as all its VFs would vanish */
async function requireVirtualFunction(roots: SysfsRoots, address: PciAddress): Promise<void> {
  await requireFunction(roots, address);
  const has = (attribute: string) => pathExists(functionAttribute(roots, address, attribute));
  const [isVirtual, isPhysical] = await Promise.all([has('physfn'), has('sriov_totalvfs')]);
  if (isVirtual && !isPhysical) return;
  const why = isPhysical ? 'it is a physical function (it has sriov_totalvfs)' : 'it is no VF (it has no physfn)';
  throw new ForwarderError('refused', `${address} is left alone: ${why}`);
}

/** @throws ForwarderError `not-found`, saying which module to load */
async function requireDriver(roots: SysfsRoots, driver: string): Promise<void> {
  if (!(await pathExists(driverFolder(roots, driver)))) throw new ForwarderError('not-found', driverMissing(driver));
}
