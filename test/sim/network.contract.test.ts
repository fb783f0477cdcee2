import { describeAddressingContract } from '../contract/addressing.contract.js';
import { describeLinkStateContract } from '../contract/link-state.contract.js';
import { describeLinksContract } from '../contract/links.contract.js';
import { describeNamespacesContract } from '../contract/namespaces.contract.js';
import { kernelHarness } from '../link/kernel-harness.js';
import { whyNoKernel } from '../link/own-network.js';
import { igb, plainDriver } from './driver-quirks.js';
import { simNetworkHarness } from './network-harness.js';

for (const [name, quirks] of Object.entries({ plainDriver, igb })) {
  const suite = { name: `SimNode (${name})`, create: () => simNetworkHarness(quirks) };
  describeNamespacesContract(suite);
  describeLinksContract(suite);
  describeAddressingContract(suite);
  describeLinkStateContract(suite);
}

// The reality that the simulation imitates.
describeLinkStateContract({ name: 'the running kernel', create: kernelHarness, skip: whyNoKernel() });
