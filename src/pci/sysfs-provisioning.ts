import { ForwarderError } from '../ports/error.js';
import type { PciAddress } from '../ports/pci-address.js';
import type { Provisioning } from '../ports/pci-bus.js';
import { abandoned } from './abandoned.js';
import { parseAttributeNumber } from './attribute-number.js';
import { errnoOf } from './errno.js';
import { requireFunction } from './function-facts.js';
import { listNames, readAttribute } from './read-attribute.js';
import { functionAttribute, functionFolder } from './sysfs-tree.js';
import { type FailureMeanings, systemFailure } from './system-failure.js';
import type { TreeAccess } from './tree-access.js';
import { waitUntil } from './wait-until.js';

/** Milliseconds: a large PF takes tens of seconds to make its VFs. */
const creationTimeout = 120_000;

/**
 * The number of VFs over `sriov_numvfs`. Bringing the PF up first is the caller's part: VFs made below a PF that is
 * down have no link with some drivers.
 */
export class SysfsProvisioning implements Provisioning {
  readonly #access: TreeAccess;
  readonly #timeout: number;

  constructor(access: TreeAccess, timeout = creationTimeout) {
    this.#access = access;
    this.#timeout = timeout;
  }

  async vfCount(pf: PciAddress): Promise<{ readonly current: number; readonly total: number }> {
    try {
      const [current, total] = await Promise.all([this.#read(pf, 'sriov_numvfs'), this.#read(pf, 'sriov_totalvfs')]);
      if (current !== undefined && total !== undefined) return { current, total };
      await requireFunction(this.#access.roots, pf);
    } catch (error) {
      throw systemFailure(`reading the number of VFs of ${pf}`, error);
    }
    throw new ForwarderError('unsupported', `${pf} has no SR-IOV: it has no sriov_totalvfs`);
  }

  async createVfs(pf: PciAddress, count: number, signal: AbortSignal): Promise<void> {
    const { current, total } = await this.vfCount(pf);
    if (!Number.isSafeInteger(count) || count < 1 || count > total) {
      throw new ForwarderError('invalid', `cannot make ${count} VFs on ${pf}: expected 1 to ${total}`);
    }
    if (current !== 0) {
      throw new ForwarderError(
        'refused',
        `cannot make ${count} VFs on ${pf}: it has ${current}, which are not touched`,
      );
    }
    const step = `making ${count} VFs on ${pf}`;
    using deadline = this.#access.clock.deadline(step, this.#timeout, signal);
    await this.#write(pf, count, deadline.signal);
    const met = async () => (await this.#existing(pf)) >= count;
    await waitUntil({ step, met }, this.#access.clock, deadline.signal);
  }

  async #write(pf: PciAddress, count: number, signal: AbortSignal): Promise<void> {
    const file = functionAttribute(this.#access.roots, pf, 'sriov_numvfs');
    try {
      await this.#access.writer.write({ file, text: `${count}\n`, subject: pf }, signal);
    } catch (error) {
      if (signal.aborted && errnoOf(error) === undefined) throw abandoned(`writing ${file}`, signal);
      throw systemFailure(`making ${count} VFs on ${pf}`, error, numvfsMeanings);
    }
  }

  async #existing(pf: PciAddress): Promise<number> {
    const names = await listNames(functionFolder(this.#access.roots, pf));
    return names.filter((name) => /^virtfn\d+$/.test(name)).length;
  }

  async #read(pf: PciAddress, attribute: string): Promise<number | undefined> {
    const text = await readAttribute(functionAttribute(this.#access.roots, pf, attribute));
    return text === undefined ? undefined : parseAttributeNumber(`${attribute} of ${pf}`, text);
  }
}

const numvfsMeanings: FailureMeanings = {
  EBUSY: { kind: 'refused', rule: 'it has got another number of VFs meanwhile' },
  EINVAL: { kind: 'invalid', rule: 'the driver does not take this number' },
  ENOENT: { kind: 'unsupported', rule: "its driver cannot make VFs, or it has none: bind the PF's own driver" },
  ENOMEM: { kind: 'unsupported', rule: 'no room for their registers: enable SR-IOV in the firmware (or pci=realloc)' },
  ERANGE: { kind: 'invalid', rule: 'more than sriov_totalvfs' },
};
