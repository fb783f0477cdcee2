import { readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { SimulatedClient } from '../../simulation/client.js';
import { pathOf } from '../../simulation/network/fresh-namespace.js';
import { lastStartText } from '../../src/daemon/start-report.js';
import { type PciAddress, parsePciAddress } from '../../src/ports/pci-address.js';
import { Crowd } from '../chaos/crowd.js';
import { atTheEnd } from '../chaos/last-words.js';
import { Lives } from '../chaos/lives.js';
import { writeHelpers } from '../chaos/processes.js';
import { Random, seedOfThisRun } from '../chaos/random.js';
import { RestlessClient } from '../chaos/restless-client.js';
import { output, until } from './commands.js';
import { RealMesh } from './real-mesh.js';
import { firstPf, RealNode, type VfState } from './real-node.js';
import { VfioUser } from './vfio-user.js';

const kills = 20;
const vfCount = 7;
const seed = seedOfThisRun();

/** A client that does not refresh is served for as long as its token lives. */
const hourMs = 3_600_000;
/** Everybody shares one slow processor. */
const timeoutMs = 60_000;
const patient = () => AbortSignal.timeout(240_000);

describe('daemons that are killed on a real card', function () {
  this.timeout(300_000);
  let node: RealNode;
  let mesh: RealMesh;
  let vfs: readonly PciAddress[];
  let initial: readonly VfState[];
  /** The PF with the settings of all its VFs, in the words of `ip`. */
  let card: string;

  before(async () => {
    node = new RealNode();
    await node.bare(firstPf);
    mesh = await RealMesh.start();
    await mesh.startDaemon(
      // An audit would see before any client does that a VF is in use: what a Request meets is to be seen.
      { physicalFunctions: [firstPf], numVfs: vfCount, env: { NSM_AUDIT_INTERVAL: '1h' } },
      patient(),
    );
    vfs = await node.vfs(firstPf);
    [initial, card] = [await states(), await cardInWords()];
    mesh.endpoint.behaviour = {
      kind: 'agree',
      context: (usual) => {
        const host = usual.ipContext?.srcIpAddrs[0]?.split(/[./]/)[3] ?? '';
        const srcMac = `02:00:00:00:02:${host.padStart(2, '0')}`;
        return { ...usual, MTU: 1400, ethernetContext: { srcMac, dstMac: '', vlanTag: 100 } };
      },
    };
  });

  after(async () => {
    await mesh[Symbol.asyncDispose]();
    node[Symbol.dispose]();
  });

  beforeEach(async () => {
    if (!mesh.daemon.running) await mesh.restartDaemon(patient());
  });

  afterEach(async function () {
    if (this.currentTest?.state === 'failed') console.log(mesh.daemon.lines.slice(-40).join('\n'));
    await mesh.removePods(patient());
  });

  const states = () => Promise.all(vfs.map((vf) => node.stateOf(vf)));
  const cardInWords = async () => {
    const { name } = await node.netdevOf(firstPf);
    return (await output('ip', '-d', 'link', 'show', 'dev', name)).replaceAll(/(qlen|allmulti|promiscuity) \d+/g, '');
  };

  /** Without the MACs of VFs: igbvf makes up another one whenever it is bound to a VF that was given none. */
  const macless = (words: string) => words.replaceAll(/(vf \d+ +link\/ether) \S+/g, '$1');

  const allHome = () => until(async () => JSON.stringify(await states()) === JSON.stringify(initial));

  async function connected(
    tokenLifetimeMs = 600_000,
  ): Promise<{ client: SimulatedClient; token: string; vf: PciAddress }> {
    const { client, token } = await mesh.client();
    const { mechanism } = await client.request({ token, timeoutMs, tokenLifetimeMs });
    return { client, token, vf: parsePciAddress(mechanism?.parameters['pciAddress'] ?? '') };
  }

  /** The index of the VF's netdev where its client lives; undefined when it is not there. */
  async function indexAt({ namespace }: SimulatedClient, vf: PciAddress): Promise<number | undefined> {
    using there = node.namespaces.open(pathOf(namespace));
    return (await there.links.find({ parent: vf }, patient()))?.index;
  }

  async function crowdOf(size: number, random: Random): Promise<Crowd> {
    const members: RestlessClient[] = [];
    for (let i = 0; i < size; i += 1) {
      members.push(new RestlessClient({ ...(await mesh.client()), random: random.fork(), pauseMs: 500, timeoutMs }));
    }
    return new Crowd(members);
  }

  it(`lose no VF in ${kills} kills under load (seed ${seed}), and leave the one in peace that is not changed`, async function () {
    this.timeout(1_500_000);
    const random = new Random(seed);
    const lasting = await connected(hourMs);
    const seen = { links: (await lasting.client.look(patient())).links, state: await node.stateOf(lasting.vf) };
    const index = await indexAt(lasting.client, lasting.vf);
    using crowd = await crowdOf(4, random);
    const lives = new Lives({ node: mesh, random, served: () => crowd.served, startMs: 240_000, loadMs: 20_000 });
    crowd.start();
    await lives.kill();
    while (lives.kills < kills) await lives.liveShortly();
    await lives.begin();
    await crowd.settle(patient());
    for (const { client, vf } of crowd.members) {
      if (vf !== undefined) expect(await indexAt(client, parsePciAddress(vf)), vf).to.be.a('number');
    }
    const held = [...crowd.members.flatMap(({ vf }) => vf ?? []), lasting.vf];
    expect(new Set(held).size).to.equal(held.length);
    expect((await lasting.client.look(patient())).links).to.deep.equal(seen.links);
    expect(await node.stateOf(lasting.vf)).to.deep.equal(seen.state);
    expect(await indexAt(lasting.client, lasting.vf)).to.equal(index);
    await crowd.closeAll(patient());
    await lasting.client.close({ timeoutMs });
    await allHome();
    expect(await cardInWords()).to.equal(card);
    // One that did not answer a Close in time forgets with the token.
    mesh.endpoint.expireAll();
    expect(mesh.endpoint.connections).to.equal(0);
    atTheEnd(`${lives.kills} kills, ${crowd.served} calls served; to serving: ${lives.starts}; CHAOS_SEED=${seed}`);
    for (const [text, count] of crowd.refusals()) atTheEnd(`refused ${count} times: ${text}`);
  });

  it('restore a VF whose pod died while no daemon was there', async () => {
    const { client, vf } = await connected();
    await mesh.daemon.stop('SIGKILL');
    client[Symbol.dispose]();
    expect(await node.netdevOf(vf)).to.include({ name: 'nsm-1', mtu: 1400, up: false });
    await mesh.restartDaemon(patient());
    await allHome();
    expect(await cardInWords()).to.equal(card);
  });

  it('serve others while the kernel holds an unbind of their predecessor, and finish it when it lets go', async () => {
    const [vf = firstPf] = vfs;
    await node.pci.bind(vf, 'vfio-pci', patient());
    const { iommuGroup = 0 } = await node.pci.facts(vf);
    await using program = await VfioUser.start();
    expect(await program.open(iommuGroup, vf)).to.have.property('ids');
    const { client, token } = await mesh.client();
    const asked = client.request({ token, timeoutMs }).catch(() => undefined);
    await until(async () => (await node.pci.facts(vf)).driver !== 'vfio-pci');
    await mesh.daemon.stop('SIGKILL');
    await asked;
    const [stuck = 0] = writeHelpers(mesh.folder);
    // Within write(2): the kernel waits for whoever has the group open.
    expect(readFileSync(`/proc/${stuck}/syscall`, 'utf8')).to.match(/^1 /);
    expect(descriptorsOf(stuck)).not.to.include(mesh.stateFolder);
    await mesh.restartDaemon(patient());
    expect(await lastStartText(mesh.stateFolder)).to.include(`VF ${vf}: in quarantine`);
    const other = await connected();
    expect(other.vf).not.to.equal(vf);
    await other.client.close({ timeoutMs });
    expect(writeHelpers(mesh.folder)).to.include(stuck);
    await program.kill();
    await until(async () => (await node.pci.facts(vf)).driver === 'vfio-pci');
    await mesh.daemon.until((lines) => lines.some((line) => line.includes('VF left quarantine')), patient());
    await until(async () => !writeHelpers(mesh.folder).includes(stuck));
    await node.renew(vf);
    expect(macless(await cardInWords())).to.equal(macless(card));
  });

  it('have lost their journal: who names a VF and shows the namespace that has it keeps it, nobody else gets it', async () => {
    const one = await connected();
    const index = await indexAt(one.client, one.vf);
    await mesh.daemon.stop('SIGKILL');
    await rm(join(mesh.stateFolder, 'journal'));
    await mesh.restartDaemon(patient());
    expect(await lastStartText(mesh.stateFolder)).to.include(`VF ${one.vf}: kept back`);
    const stranger = await mesh.client();
    const { mechanism } = await stranger.client.request({
      token: stranger.token,
      parameters: { pciAddress: one.vf },
      timeoutMs,
    });
    expect(mechanism?.parameters['pciAddress']).not.to.equal(one.vf);
    expect(await indexAt(one.client, one.vf)).to.equal(index);
    await stranger.client.close({ timeoutMs });
    const healed = await one.client.request({ token: one.token, timeoutMs });
    expect(healed.mechanism?.parameters['pciAddress']).to.equal(one.vf);
    expect(await indexAt(one.client, one.vf)).to.equal(index);
    await one.client.close({ timeoutMs });
    expect(await node.stateOf(one.vf)).to.have.nested.include({ driver: 'igbvf', 'netdev.up': false });
    expect(macless(await cardInWords())).to.equal(macless(card));
  });
});

function descriptorsOf(pid: number): readonly string[] {
  return readdirSync(`/proc/${pid}/fd`).map((fd) => readlinkSync(`/proc/${pid}/fd/${fd}`));
}
