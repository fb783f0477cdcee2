import type { PciAddress } from '../ports/pci-address.js';
import { abandoned } from './abandoned.js';
import { bindMeanings, overrideMeanings, resetMeanings, unbindMeanings } from './binding-meanings.js';
import { errnoOf } from './errno.js';
import { readLinkName } from './read-attribute.js';
import { driverAttribute, functionAttribute } from './sysfs-tree.js';
import { type FailureMeanings, systemFailure } from './system-failure.js';
import type { TreeAccess } from './tree-access.js';
import { waitUntil } from './wait-until.js';

interface Step {
  /** In words that fit after "while". */
  readonly name: string;
  readonly file: string;
  readonly text: string;
  readonly meanings: FailureMeanings;
}

/** The single steps of (re)binding or resetting one function, each done only when the tree shows it. */
export class DriverSteps {
  readonly #access: TreeAccess;
  readonly #address: PciAddress;
  readonly #signal: AbortSignal;

  constructor(access: TreeAccess, address: PciAddress, signal: AbortSignal) {
    this.#access = access;
    this.#address = address;
    this.#signal = signal;
  }

  /** The driver that the function's link names at this moment. */
  driver(): Promise<string | undefined> {
    return readLinkName(functionAttribute(this.#access.roots, this.#address, 'driver'));
  }

  /** Reserves the function for one driver, whatever ids that driver knows; undefined ends the reservation. */
  async override(driver: string | undefined): Promise<void> {
    await this.#write({
      name:
        driver === undefined ? `clearing the override of ${this.#address}` : `reserving ${this.#address} for ${driver}`,
      file: functionAttribute(this.#access.roots, this.#address, 'driver_override'),
      // A line end alone clears it; an empty write would do nothing.
      text: `${driver ?? ''}\n`,
      meanings: overrideMeanings,
    });
  }

  /** Takes the function from this driver. One that has it no longer is no error. */
  async unbindFrom(driver: string): Promise<void> {
    const name = `unbinding ${this.#address} from ${driver}`;
    const file = driverAttribute(this.#access.roots, driver, 'unbind');
    await this.#write({ name, file, text: `${this.#address}\n`, meanings: unbindMeanings }).catch(
      async (error: unknown) => {
        if ((await this.driver()) === driver) throw error;
      },
    );
    await this.#wait(name, async () => (await this.driver()) !== driver);
  }

  /** Gives the unbound function to the driver. One that has it already is no error. */
  async bindTo(driver: string): Promise<void> {
    const name = `binding ${this.#address} to ${driver}`;
    const file = driverAttribute(this.#access.roots, driver, 'bind');
    const meanings = bindMeanings(driver);
    await this.#write({ name, file, text: `${this.#address}\n`, meanings }).catch(async (error: unknown) => {
      if ((await this.driver()) !== driver) throw error;
    });
    await this.#wait(name, async () => (await this.driver()) === driver);
  }

  /** Resets the unbound function; done when the kernel says so. */
  async reset(): Promise<void> {
    await this.#write({
      name: `resetting ${this.#address}`,
      file: functionAttribute(this.#access.roots, this.#address, 'reset'),
      text: '1\n',
      meanings: resetMeanings,
    });
  }

  #wait(step: string, met: () => Promise<boolean>): Promise<void> {
    return waitUntil({ step, met }, this.#access.clock, this.#signal);
  }

  async #write({ name, file, text, meanings }: Step): Promise<void> {
    try {
      await this.#access.writer.write({ file, text, subject: this.#address }, this.#signal);
    } catch (error) {
      if (this.#signal.aborted && errnoOf(error) === undefined) throw abandoned(name, this.#signal);
      throw systemFailure(name, error, meanings);
    }
  }
}
