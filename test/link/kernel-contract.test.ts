import { describeAddressingContract } from '../contract/addressing.contract.js';
import { describeLinksContract } from '../contract/links.contract.js';
import { describeNamespacesContract } from '../contract/namespaces.contract.js';
import { kernelHarness } from './kernel-harness.js';
import { whyNoKernel } from './own-network.js';

const suite = { name: 'the running kernel', create: kernelHarness, skip: whyNoKernel() };
describeNamespacesContract(suite);
describeLinksContract(suite);
describeAddressingContract(suite);
