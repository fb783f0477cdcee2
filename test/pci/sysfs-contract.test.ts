import { SimulatedPciTree } from '../../simulation/pci-tree/pci-tree.js';
import { SystemClock } from '../../src/clock/system-clock.js';
import type { AttributeWriter } from '../../src/pci/attribute-writer.js';
import { SysfsPciBus } from '../../src/pci/sysfs-pci-bus.js';
import { SysfsProvisioning } from '../../src/pci/sysfs-provisioning.js';
import { WriteHelpers } from '../../src/pci/write-helpers.js';
import { parsePciAddress } from '../../src/ports/pci-address.js';
import { type PciBusSubject, pciBusContract } from '../contract/pci-bus.contract.js';

pciBusContract('the sysfs adapter with its helper processes on a simulated tree', () =>
  createSubject(() => new WriteHelpers(new SystemClock())),
);

pciBusContract('the sysfs adapter answered with errno by a simulated tree', () =>
  createSubject((tree) => Object.assign(tree.writer, { [Symbol.dispose]: () => {} })),
);

async function createSubject(
  createWriter: (tree: SimulatedPciTree) => AttributeWriter & Disposable,
): Promise<PciBusSubject> {
  const tree = await SimulatedPciTree.create({
    physicalFunctions: [{ address: '0000:01:00.0', totalVfs: 7, vfs: 7, resetMethods: 'flr bus' }],
    hooks: {
      onBind: async ({ vf }, driver) => (driver === 'vfio-pci' ? undefined : [{ name: `sim${vf ?? 'pf'}` }]),
    },
  });
  const writer = createWriter(tree);
  const access = { roots: tree.roots, clock: new SystemClock(), writer };
  return {
    bus: new SysfsPciBus(access),
    provisioning: new SysfsProvisioning(access),
    physicalFunction: parsePciAddress('0000:01:00.0'),
    vfs: 7,
    kernelDriver: 'igbvf',
    userspaceDriver: 'vfio-pci',
    [Symbol.asyncDispose]: async () => {
      writer[Symbol.dispose]();
      await tree[Symbol.asyncDispose]();
    },
  };
}
