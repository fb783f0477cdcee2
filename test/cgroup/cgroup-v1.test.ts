import { CgroupV1DeviceAccess } from '../../src/cgroup/cgroup-v1.js';
import { describeDeviceAccessContract } from '../contract/device-access.contract.js';
import { CgroupHarness, listedRules } from './cgroup-harness.js';
import { mountedHierarchy, whyNoCgroups } from './mounted-hierarchies.js';

async function create(): Promise<CgroupHarness> {
  const root = mountedHierarchy(1) ?? '';
  return new CgroupHarness({ root, rules: listedRules, access: new CgroupV1DeviceAccess(root) });
}

describeDeviceAccessContract({ name: 'cgroup v1', create, skip: whyNoCgroups(1) });
