import type { PciTreeOptions } from '../../simulation/pci-tree/options.js';
import { SimulatedPciTree } from '../../simulation/pci-tree/pci-tree.js';
import { SystemClock } from '../../src/clock/system-clock.js';
import type { AttributeWriter } from '../../src/pci/attribute-writer.js';
import { SysfsPciBus } from '../../src/pci/sysfs-pci-bus.js';
import { SysfsProvisioning } from '../../src/pci/sysfs-provisioning.js';
import { type PciAddress, parsePciAddress } from '../../src/ports/pci-address.js';

/** A signal that never fires. */
export const never = new AbortController().signal;

/** The PF of {@link createNode}, and its first VF. */
export const pf = parsePciAddress('0000:01:00.0');
export const vf = parsePciAddress('0000:01:10.0');

/** A simulated tree with adapters on it, whose writes are answered with the kernel's errno. */
export interface SysfsNode extends AsyncDisposable {
  readonly tree: SimulatedPciTree;
  readonly bus: SysfsPciBus;
  readonly provisioning: SysfsProvisioning;
  /** Every write so far, as `<path below the tree> <text>`. */
  readonly writes: string[];
  driverOf(address: PciAddress): Promise<string | undefined>;
}

/** One PF with two VFs unless told; changes time out after `timeout` milliseconds. */
export async function createNode(options: Partial<PciTreeOptions> = {}, timeout = 5_000): Promise<SysfsNode> {
  const tree = await SimulatedPciTree.create({
    physicalFunctions: [{ address: pf, totalVfs: 7, vfs: 2 }],
    ...options,
  });
  const writes: string[] = [];
  const writer: AttributeWriter = {
    write: (write, signal) => {
      writes.push(`${write.file.slice(tree.root.length + '/bus/pci/'.length)} ${write.text.trimEnd()}`.trimEnd());
      return tree.writer.write(write, signal);
    },
  };
  const access = { roots: tree.roots, clock: new SystemClock(), writer };
  const bus = new SysfsPciBus(access, timeout);
  return {
    tree,
    bus,
    provisioning: new SysfsProvisioning(access, timeout),
    writes,
    driverOf: async (address) => (await bus.facts(address)).driver,
    [Symbol.asyncDispose]: () => tree[Symbol.asyncDispose](),
  };
}
