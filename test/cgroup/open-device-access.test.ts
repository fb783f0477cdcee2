import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { mountedHierarchy } from '../../simulation/cgroups/mounted-hierarchy.js';
import { CgroupV1DeviceAccess } from '../../src/cgroup/cgroup-v1.js';
import { CgroupV2DeviceAccess } from '../../src/cgroup/cgroup-v2.js';
import { openDeviceAccess } from '../../src/cgroup/open-device-access.js';
import { failureOf } from '../pci/failure.js';
import { skipBecause } from '../skip-because.js';

/** Where the version is mounted; without it the test is skipped. */
function mounted(context: Mocha.Context, version: 1 | 2): string {
  return mountedHierarchy(version) ?? skipBecause(context, `cgroup v${version} is not mounted here`);
}

describe('the version of cgroups that decides about devices', () => {
  it('is v1 where its devices hierarchy is mounted, also beside v2', async function () {
    expect(await openDeviceAccess(mounted(this, 1))).to.be.instanceOf(CgroupV1DeviceAccess);
  });

  it('B33, C1: is v2 where only that is mounted, above the place that the setting names', async function () {
    const root = mounted(this, 2);
    expect(await openDeviceAccess(join(root, 'devices'))).to.be.instanceOf(CgroupV2DeviceAccess);
    expect(await openDeviceAccess(root)).to.be.instanceOf(CgroupV2DeviceAccess);
  });

  it('is v2 where that is mounted as “unified” and the devices hierarchy of v1 is not', async function () {
    const root = mounted(this, 2);
    if (!root.endsWith('/unified')) skipBecause(this, 'cgroup v2 is not mounted as “unified” here');
    expect(await openDeviceAccess(join(root, '../no-devices'))).to.be.instanceOf(CgroupV2DeviceAccess);
  });

  it('is none where neither is, and the setting is named with what to mount', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'no-cgroups-'));
    const failure = await failureOf(openDeviceAccess(join(folder, 'devices')));
    expect(failure.kind).to.equal('unsupported');
    expect(failure.message).to.include(folder).and.to.include('mount the host');
    rmSync(folder, { recursive: true });
  });
});
