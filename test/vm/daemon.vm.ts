import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type { ConnectionContext } from '../../apis/generated/connectioncontext.js';
import type { SimulatedClient } from '../../simulation/client.js';
import type { DaemonProcess } from '../../simulation/daemon-process.js';
import { emptyContext, emptyIpContext } from '../../simulation/messages.js';
import { ping } from '../../simulation/ping.js';
import type { PciAddress } from '../../src/ports/pci-address.js';
import { parsePciAddress } from '../../src/ports/pci-address.js';
import { failure } from '../contract/network-harness.js';
import { until } from './commands.js';
import { RealMesh } from './real-mesh.js';
import { firstPf, inTime, RealNode, secondPf, type VfState, vfCount } from './real-node.js';

/** How long a client waits for an answer, ms: everybody shares one slow processor. */
const timeoutMs = 60_000;

describe('the daemon on real cards', () => {
  let node: RealNode;
  let mesh: RealMesh;
  let daemon: DaemonProcess;
  let vfs: readonly PciAddress[];
  /** As the daemon found them, or made them. */
  let initial: readonly VfState[];

  before(async () => {
    node = new RealNode();
    for (const pf of [firstPf, secondPf]) await node.bare(pf);
    mesh = await RealMesh.start();
    const cards = { physicalFunctions: [firstPf, secondPf], numVfs: vfCount };
    daemon = await mesh.startDaemon({ ...cards, env: { NSM_CLOSE_ON_EXIT: 'true' } }, inTime());
    vfs = [...(await node.vfs(firstPf)), ...(await node.vfs(secondPf))];
    initial = await states();
  });
  after(async () => {
    await mesh[Symbol.asyncDispose]();
    node[Symbol.dispose]();
  });

  afterEach(function () {
    if (this.currentTest?.state === 'failed') console.log(daemon.lines.slice(-20).join('\n'));
  });

  const states = () => Promise.all(vfs.map((vf) => node.stateOf(vf)));
  const home = () => until(async () => JSON.stringify(await states()) === JSON.stringify(initial));

  /** Asks for a connection whose netdev gets this MAC and address, in VLAN 100. */
  async function connect(host: number, tokenLifetimeMs?: number): Promise<{ client: SimulatedClient; vf: PciAddress }> {
    const context: ConnectionContext = {
      ...emptyContext,
      MTU: 1400,
      ethernetContext: { srcMac: `02:00:00:00:01:0${host}`, dstMac: '', vlanTag: 100 },
      ipContext: { ...emptyIpContext, srcIpAddrs: [`10.2.0.${host}/24`] },
    };
    mesh.endpoint.behaviour = { kind: 'agree', context: () => context };
    const { client, token } = await mesh.client();
    const lifetime = tokenLifetimeMs === undefined ? {} : { tokenLifetimeMs };
    const { mechanism } = await client.request({ token, timeoutMs, ...lifetime });
    return { client, vf: parsePciAddress(mechanism?.parameters['pciAddress'] ?? '') };
  }

  it('makes the VFs that its configuration wants, below PFs that are up', async () => {
    expect(vfs).to.have.length(2 * vfCount);
    for (const state of initial) {
      expect(state.driver).to.equal('igbvf');
      // Below a PF that is down, igb knows no MAC of its VFs.
      expect(state.settings.mac).to.equal(state.netdev?.mac);
    }
  });

  it('delivers netdevs with MAC, VLAN, MTU and address, over which pods ping, and brings them home', async () => {
    const [one, two] = [await connect(1), await connect(2)];
    const { links } = await one.client.look(inTime());
    const link = links.find(({ name }) => name === 'nsm-1');
    expect(link).to.include({ mac: '02:00:00:00:01:01', mtu: 1400, up: true });
    expect(link?.addresses).to.include('10.2.0.1/24');
    const there = await node.stateOf(one.vf);
    expect(there.netdev).to.equal(undefined);
    expect(there.settings).to.include({ mac: '02:00:00:00:01:01', vlan: 100 });
    await until(() =>
      ping(one.client.namespace, '10.2.0.2', inTime()).then(
        () => true,
        () => false,
      ),
    );

    for (const { client } of [one, two]) await client.close({ timeoutMs });
    expect(await states()).to.deep.equal(initial);
    expect(mesh.endpoint.connections).to.equal(0);
  });

  it('refreshes a connection where it is', async () => {
    const { client, vf } = await connect(3);
    const delivered = (await client.look(inTime())).links;
    await client.request({ timeoutMs });
    expect((await client.look(inTime())).links).to.deep.equal(delivered);
    expect((await node.stateOf(vf)).netdev).to.equal(undefined);
    await client.close({ timeoutMs });
    expect(await states()).to.deep.equal(initial);
  });

  it('brings the VF of a client that died home when its token ends', async () => {
    const { client } = await connect(4, 8_000);
    client[Symbol.dispose]();
    await home();
    expect(mesh.endpoint.connections).to.equal(0);
  });

  it('refuses a token that was never given to a pod, and touches nothing', async () => {
    const { client } = await mesh.client();
    await failure('not-found', client.request({ token: `sriov-${randomUUID()}`, timeoutMs }));
    expect(await states()).to.deep.equal(initial);
  });

  it('takes all VFs home and leaves the registry when it is told to end', async () => {
    await connect(5);
    expect(await daemon.stop('SIGTERM', timeoutMs)).to.deep.equal({ code: 0, signal: null });
    expect(await states()).to.deep.equal(initial);
    expect(mesh.listed).to.equal(false);
  });
});
