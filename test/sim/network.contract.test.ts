import { describeAddressingContract } from '../contract/addressing.contract.js';
import { describeLinksContract } from '../contract/links.contract.js';
import { igb, plainDriver } from './driver-quirks.js';
import { simNetworkHarness } from './network-harness.js';

for (const [name, quirks] of Object.entries({ plainDriver, igb })) {
  const suite = { name: `SimNode (${name})`, create: () => simNetworkHarness(quirks) };
  describeLinksContract(suite);
  describeAddressingContract(suite);
}
