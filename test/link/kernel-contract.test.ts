import { describeAddressingContract } from '../contract/addressing.contract.js';
import { describeLinksContract } from '../contract/links.contract.js';
import { kernelHarness } from './kernel-harness.js';
import { whyNoKernel } from './own-network.js';

const suite = { name: 'the running kernel', create: kernelHarness, skip: whyNoKernel() };
describeLinksContract(suite);
describeAddressingContract(suite);
