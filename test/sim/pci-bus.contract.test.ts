import { parsePciAddress } from '../../src/ports/pci-address.js';
import { pciBusContract } from '../contract/pci-bus.contract.js';
import { type DriverQuirks, iavf, igb, plainDriver } from './driver-quirks.js';
import { SimNode } from './node.js';

const address = '0000:01:00.0';

async function create(quirks: DriverQuirks) {
  const node = new SimNode({ pfs: [{ address, vfs: 7, quirks }] });
  return {
    bus: node.bus,
    provisioning: node.provisioning,
    physicalFunction: parsePciAddress(address),
    vfs: 7,
    kernelDriver: 'igbvf',
    userspaceDriver: 'vfio-pci',
    [Symbol.asyncDispose]: () => node.settled(),
  };
}

for (const [name, quirks] of Object.entries({ plainDriver, igb, iavf })) {
  pciBusContract(`SimNode (${name})`, () => create(quirks));
}
