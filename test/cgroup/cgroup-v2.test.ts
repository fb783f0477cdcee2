import { CgroupV2DeviceAccess } from '../../src/cgroup/cgroup-v2.js';
import { describeDeviceAccessContract } from '../contract/device-access.contract.js';
import { CgroupHarness } from './cgroup-harness.js';
import { mountedHierarchy, whyNoCgroups } from './mounted-hierarchies.js';
import { programRules } from './program-rules.js';

async function create(): Promise<CgroupHarness> {
  const root = mountedHierarchy(2) ?? '';
  return new CgroupHarness({ root, rules: programRules, access: new CgroupV2DeviceAccess(root) });
}

describeDeviceAccessContract({ name: 'cgroup v2', create, skip: whyNoCgroups(2) });
