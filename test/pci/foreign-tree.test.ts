import { mkdir, mkdtemp, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { SystemClock } from '../../src/clock/system-clock.js';
import { SysfsPciBus } from '../../src/pci/sysfs-pci-bus.js';
import { SysfsProvisioning } from '../../src/pci/sysfs-provisioning.js';
import { parsePciAddress } from '../../src/ports/pci-address.js';
import { failureOf } from './failure.js';
import { never } from './sysfs-node.js';

const pf = parsePciAddress('0000:01:00.0');
const vfs = 16;
const vfAddress = (vf: number) => parsePciAddress(`0000:01:${(2 + (vf >> 3)).toString(16).padStart(2, '0')}.${vf & 7}`);

/** A tree of plain files and absolute links, as other people's benches make them: nothing in it reacts. */
describe('a PCI tree of plain files', () => {
  let root: string;
  let bus: SysfsPciBus;
  let provisioning: SysfsProvisioning;
  const at = (...parts: string[]) => join(root, ...parts);

  before(async () => {
    root = await mkdtemp(join(tmpdir(), 'plain-tree-'));
    for (const driver of ['pfdriver', 'vfdriver', 'vfio-pci']) await mkdir(at('drivers', driver), { recursive: true });
    await addFunction(pf, { driver: 'pfdriver', netdev: 'fbpf0', group: 1 });
    for (const attribute of ['sriov_totalvfs', 'sriov_numvfs']) await writeFile(at('devices', pf, attribute), '16\n');
    for (let vf = 0; vf < vfs; vf += 1) {
      await addFunction(vfAddress(vf), { driver: 'vfdriver', netdev: `fbvf${vf}`, group: vf + 2 });
      await symlink(at('devices', vfAddress(vf)), at('devices', pf, `virtfn${vf}`));
      await symlink(at('devices', pf), at('devices', vfAddress(vf), 'physfn'));
    }
    const writer = { write: () => Promise.reject(new Error('nothing here needs a write')) };
    const access = { roots: { devices: at('devices'), drivers: at('drivers') }, clock: new SystemClock(), writer };
    bus = new SysfsPciBus(access);
    provisioning = new SysfsProvisioning(access);
  });
  after(() => rm(root, { recursive: true }));

  async function addFunction(
    address: string,
    { driver, netdev, group }: { readonly driver: string; readonly netdev: string; readonly group: number },
  ): Promise<void> {
    await mkdir(at('devices', address, 'net', netdev), { recursive: true });
    await mkdir(at('iommu', `${group}`, 'devices'), { recursive: true });
    await symlink(at('drivers', driver), at('devices', address, 'driver'));
    await symlink(at('iommu', `${group}`), at('devices', address, 'iommu_group'));
    await writeFile(at('devices', address, 'numa_node'), '-1\n');
  }

  it('is read like any other', async () => {
    expect(await bus.facts(vfAddress(11))).to.deep.equal({
      address: vfAddress(11),
      driver: 'vfdriver',
      iommuGroup: 13,
      physicalFunction: pf,
      netdevs: [{ name: 'fbvf11' }],
    });
  });

  it('B8, P1: lists its VFs by number', async () => {
    expect(await bus.virtualFunctions(pf)).to.deep.equal(Array.from({ length: vfs }, (_, vf) => vfAddress(vf)));
  });

  it('needs no write for functions that have their driver, and gets no VFs', async () => {
    await bus.bind(vfAddress(0), 'vfdriver', never);
    expect(await provisioning.vfCount(pf)).to.deep.equal({ current: 16, total: 16 });
    expect((await failureOf(provisioning.createVfs(pf, 16, never))).kind).to.equal('refused');
  });

  it('a number of VFs that cannot be read is an error, never 0', async () => {
    await writeFile(at('devices', pf, 'sriov_numvfs'), 'many\n');
    const failure = await failureOf(provisioning.vfCount(pf));
    expect(failure.kind).to.equal('invalid');
    expect(failure.message).to.contain('"many"');
  });
});
