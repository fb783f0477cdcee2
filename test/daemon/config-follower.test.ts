import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { buildCatalogue } from '../../src/daemon/build-catalogue.js';
import { ConfigFollower } from '../../src/daemon/config-follower.js';
import type { PciAddress } from '../../src/ports/pci-address.js';
import { ResourcePool } from '../../src/resourcepool/resource-pool.js';
import { parsePciConfig } from '../../src/settings/pci-config/read-pci-config.js';
import { RecordedLog } from '../deviceplugin/recorded-log.js';
import { allocated, countingIds, idOf, owner, pci } from '../resourcepool/nodes.js';
import { never } from '../sim/expectations.js';
import { SimNode } from '../sim/node.js';

const [first, second, bare] = ['0000:01:00.0', '0000:02:00.0', '0000:03:00.0'].map(pci) as [
  PciAddress,
  PciAddress,
  PciAddress,
];
const entry = (address: string, capabilities: string, more = '') =>
  `  ${address}: {pfKernelDriver: igb, vfKernelDriver: igbvf, capabilities: [${capabilities}], serviceDomains: [d]${more}}\n`;
const file = (...entries: string[]) => `physicalFunctions:\n${entries.join('')}`;

describe('a change of the configuration while the daemon runs', () => {
  let folder: string;
  let path: string;
  let node: SimNode;
  let pool: ResourcePool;
  let log: RecordedLog;
  let added: PciAddress[];
  let follower: ConfigFollower;
  /** How often VFs were listed. */
  let listings: number;

  beforeEach(async () => {
    folder = await mkdtemp(join(tmpdir(), 'follow-'));
    path = join(folder, 'pci.config');
    node = new SimNode({
      pfs: [
        { address: first, name: 'pf0', vfs: 2 },
        { address: second, name: 'pf1', vfs: 1 },
        { address: bare, name: 'pf2', vfs: 0, totalVfs: 4 },
      ],
    });
    const text = file(entry(first, '10G, intel'));
    await writeFile(path, text);
    const config = parsePciConfig(text, path);
    if (!config.ok) throw config.error;
    log = new RecordedLog();
    pool = new ResourcePool(await buildCatalogue(config.value, { pci: node.bus, log }), countingIds());
    added = [];
    listings = 0;
    const list = node.bus.virtualFunctions.bind(node.bus);
    node.bus.virtualFunctions = (pf) => {
      listings += 1;
      return list(pf);
    };
    follower = new ConfigFollower({
      file: path,
      config: config.value,
      pool,
      kernelDrivers: new Map(),
      pci: node.bus,
      provisioning: node.provisioning,
      namespaces: node.namespaces,
      createVfs: 'none',
      log,
      onAdded: async (functions) => void added.push(...functions),
    });
    await follower.look(never);
  });

  afterEach(() => rm(folder, { recursive: true }));

  const become = async (text: string) => {
    await writeFile(path, text);
    await follower.look(never);
  };

  it('is nothing while the file says the same: tokens keep their ids, nothing is logged', async () => {
    const before = pool.tokens('d/10G');
    const lines = log.lines.length;
    await become(`# a comment\n${file(entry(first, '10G, intel'))}`);
    expect(pool.tokens('d/10G')).to.deep.equal(before);
    expect(log.lines.slice(lines).filter((line) => line.includes('error'))).to.deep.equal([]);
  });

  it('adds PFs, capabilities and their tokens', async () => {
    const kept = idOf(pool, 'd/10G');
    await become(file(entry(first, '10G, intel, 25G'), entry(second, '25G')));
    expect(pool.names()).to.deep.equal(['d/10G', 'd/intel', 'd/25G']);
    expect(pool.tokens('d/25G').length).to.equal(3);
    expect(idOf(pool, 'd/10G')).to.equal(kept);
    expect(added.length).to.equal(1);
  });

  it('takes away what nobody has at once, and what somebody has when it is free', async () => {
    const token = allocated(pool, 'd/10G');
    const { function: vf } = pool.claim({ token, owner: owner('anna'), driver: 'kernel' });
    await become(file(entry(second, '25G')));
    expect(pool.functions().map(({ address }) => address)).to.have.members([vf, ...added]);
    expect(pool.names()).to.include('d/10G').and.not.include('d/intel');
    expect(pool.tokens('d/10G').map(({ state }) => state)).to.deep.equal(['in-use']);
    pool.release(vf, owner('anna'));
    expect(pool.tokens('d/10G').map(({ state, healthy }) => ({ state, healthy }))).to.deep.equal([
      { state: 'retired', healthy: false },
    ]);
    expect(() => pool.claim({ token, owner: owner('bert'), driver: 'kernel' })).to.throw(/stands for no VF/);
    pool.free([token]);
    expect(pool.names()).to.deep.equal(['d/25G']);
  });

  it('changes nothing when the file is wrong, and says once where', async () => {
    const before = pool.report();
    await become(file(entry(first, '10G, intel'), entry('0000:zz:00.0', '25G')));
    await follower.look(never);
    expect(pool.report()).to.deep.equal(before);
    const said = log.lines.filter((line) => line.includes('cannot be followed'));
    expect(said.length).to.equal(1);
    expect(said[0]).to.contain(`${path}:3:3`);
    await become(file(entry(first, '10G')));
    expect(pool.names()).to.deep.equal(['d/10G']);
  });

  it('changes nothing when the file names a PF that is not there', async () => {
    const before = pool.report();
    await become(file(entry(first, '10G, intel'), entry('0000:7f:00.0', '25G')));
    expect(pool.report()).to.deep.equal(before);
    expect(log.lines.join('\n')).to.contain('0000:7f:00.0');
  });

  it('makes VFs only where a PF has none', async () => {
    await become(file(entry(first, '10G', ', numVFs: 4'), entry(bare, '25G', ', numVFs: 3')));
    expect((await node.provisioning.vfCount(first)).current).to.equal(2);
    expect(pool.tokens('d/25G').length).to.equal(3);
  });

  it('by somebody else who makes VFs on a PF that had none is followed', async () => {
    await become(file(entry(first, '10G'), entry(bare, '25G')));
    expect(pool.tokens('d/25G')).to.deep.equal([]);
    await node.provisioning.createVfs(bare, 2, never);
    await follower.look(never);
    expect(pool.tokens('d/25G').length).to.equal(2);
  });

  it('is looked for in the numbers of VFs alone while those stay the same', async () => {
    await become(file(entry(first, '10G'), entry(bare, '25G')));
    await follower.look(never);
    listings = 0;
    for (let look = 0; look < 3; look += 1) await follower.look(never);
    expect(listings).to.equal(0);
    await node.provisioning.createVfs(bare, 2, never);
    await follower.look(never);
    expect(listings).to.be.greaterThan(0);
  });
});
