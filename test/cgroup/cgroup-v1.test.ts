import { randomUUID } from 'node:crypto';
import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { mountedHierarchy, whyNoCgroups } from '../../simulation/cgroups/mounted-hierarchy.js';
import { CgroupV1DeviceAccess } from '../../src/cgroup/cgroup-v1.js';
import type { Cgroup, DeviceNumber } from '../../src/ports/device-access.js';
import { parsePodUid } from '../../src/ports/pod-cgroup.js';
import { describeDeviceAccessContract } from '../contract/device-access.contract.js';
import { inTime } from '../contract/network-harness.js';
import { skipBecause } from '../skip-because.js';
import { CgroupHarness, listedRules } from './cgroup-harness.js';

async function create(): Promise<CgroupHarness> {
  const root = mountedHierarchy(1) ?? '';
  return new CgroupHarness({ root, rules: listedRules, access: new CgroupV1DeviceAccess(root) });
}

describeDeviceAccessContract({ name: 'cgroup v1', create, skip: whyNoCgroups(1) });

/** Nobody else's: another run of the tests may be using the same hierarchy. */
const pod = parsePodUid(randomUUID());
const device: DeviceNumber = { major: 1, minor: 7 };

describe('rules of cgroup v1', () => {
  let harness: CgroupHarness;
  let container: Cgroup;

  before(function () {
    const reason = whyNoCgroups(1);
    if (reason !== undefined) skipBecause(this, reason);
  });
  beforeEach(async () => {
    harness = await create();
    container = await harness.addContainer(await harness.addPod(pod), 'one');
  });
  afterEach(() => harness[Symbol.asyncDispose]());

  const write = (file: string, rule: string) => writeFileSync(join(harness.folder(container), file), rule);
  const list = () => readFileSync(join(harness.folder(container), 'devices.list'), 'utf8');
  const grantAndRevoke = async () => {
    const [before] = await harness.access.read(container, [device], inTime());
    await harness.access.grant(container, [device], inTime());
    expect(await harness.open(container, device)).to.equal('allowed');
    expect(await harness.makeNode(container, device)).to.equal('allowed');
    await harness.access.revoke(container, [{ ...device, keep: before?.keep ?? '' }], inTime());
    return before;
  };

  for (const modes of ['r', 'rw', 'm']) {
    it(`keep the part of a device that was allowed before (${modes})`, async () => {
      write('devices.allow', `c 1:7 ${modes}`);
      const text = list();
      expect(await grantAndRevoke()).to.deep.equal({ allowedBy: 'nobody', keep: modes });
      expect(list()).to.equal(text);
    });
  }

  for (const rule of ['c 1:* rw', 'c *:* m', 'c 1:* rm\nc *:7 w']) {
    it(`are the same after a grant beside “${rule.replace('\n', '”, “')}”`, async () => {
      for (const line of rule.split('\n')) write('devices.allow', line);
      const text = list();
      expect(await grantAndRevoke()).to.deep.equal({ allowedBy: 'nobody', keep: '' });
      expect(list()).to.equal(text);
    });
  }

  it('that allow the device by a wildcard are not carved up', async () => {
    write('devices.allow', 'c 1:* rwm');
    const text = list();
    expect(await grantAndRevoke()).to.deep.equal({ allowedBy: 'others', keep: '' });
    expect(list()).to.equal(text);
  });

  it('that allow everything, as those of a privileged container, get no exception', async () => {
    write('devices.allow', 'a');
    expect(await grantAndRevoke()).to.deep.equal({ allowedBy: 'others', keep: '' });
    expect(list()).to.equal('a *:* rwm\n');
    expect(await harness.open(container, device)).to.equal('allowed');
  });

  it('S1: are never written to allow anything when access is taken back', async () => {
    const text = list();
    await harness.access.revoke(container, [{ ...device, keep: '' }], inTime());
    await harness.access.revoke(container, [{ ...device, keep: 'rwm' }], inTime());
    expect(list()).to.equal(text);
    expect(await harness.open(container, device)).to.equal('forbidden');
  });
});
