import { CgroupV2DeviceAccess } from '../../src/cgroup/cgroup-v2.js';
import { CgroupHarness } from '../cgroup/cgroup-harness.js';
import { programRules } from '../cgroup/program-rules.js';
import { describeDeviceAccessContract } from '../contract/device-access.contract.js';
import { hierarchy } from './device-delivery-bench.js';

describeDeviceAccessContract({
  name: 'a machine with cgroup v2 alone',
  create: async () => {
    const access = new CgroupV2DeviceAccess(hierarchy);
    return new CgroupHarness({ root: hierarchy, rules: programRules, access });
  },
});
