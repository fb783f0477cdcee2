import { CgroupHarness } from '../cgroup/cgroup-harness.js';
import { describeDeviceAccessContract } from '../contract/device-access.contract.js';
import { cgroupsV2 } from './device-cgroups.js';

describeDeviceAccessContract({
  name: 'a machine with cgroup v2 alone',
  create: async () => new CgroupHarness(cgroupsV2),
});
