import { rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { changeMechanism } from '../../simulation/change-mechanism.js';
import type { NodeOptions } from '../../simulation/node-options.js';
import { eventually } from '../mesh/eventually.js';
import { DeviceFixture, notPermitted, parametersOf, useDevices, vfOf } from './support/device-fixture.js';
import { driverOf } from './support/device-state.js';
import { expectServed, linkOf } from './support/expectations.js';
import { inTime, useNode } from './support/node-fixture.js';

/** Several times the pause between two audits. */
const longEnough = () => AbortSignal.timeout(90_000);

/** The first PF serves pods of one token, the others together one that has two. */
const physicalFunctions: NodeOptions['physicalFunctions'] = [
  { address: '0000:01:00.0', totalVfs: 8, vfs: 4, capabilities: ['10G', 'intel'] },
  { address: '0000:02:00.0', totalVfs: 8, vfs: 1, capabilities: ['25G'] },
  { address: '0000:03:00.0', totalVfs: 8, vfs: 1, capabilities: ['40G'] },
];

for (const cgroups of [1, 2] as const) {
  describe(`VFIO, with pods in cgroups of this machine (v${cgroups})`, function () {
    this.timeout(60_000);
    const devices = useDevices(cgroups, { physicalFunctions });

    it('S1, B2: lets exactly the pod make and open nodes by the numbers of the answer, until Close', async () => {
      const { node } = devices;
      using connected = await devices.connect();
      const { client, connection } = connected;
      expect(await driverOf(node, vfOf(connection))).to.equal('vfio-pci');
      const { iommuGroup = '', ...parameters } = parametersOf(connection);
      const made = (name: string) => join(node.folder, `made-by-the-pod-${name}`);
      for (const [name, file] of [['vfio', 'vfio'] as const, ['device', iommuGroup] as const]) {
        const numbers = { major: Number(parameters[`${name}Major`]), minor: Number(parameters[`${name}Minor`]) };
        expect((await stat(join(node.vfioFolder, file))).rdev).to.equal((numbers.major << 8) | numbers.minor);
        expect(await devices.container(1).makeNode(made(name), numbers)).to.equal(notPermitted);
        expect(await devices.container(0).makeNode(made(name), numbers)).to.equal('done');
        expect(await devices.container(0).open(made(name))).to.equal('done');
        expect(await devices.container(1).open(made(name))).to.equal(notPermitted);
      }
      expect(await devices.openings(connection)).to.deep.equal(['done', notPermitted, notPermitted, notPermitted]);
      await client.close();
      for (const name of ['vfio', 'device']) {
        expect(await devices.container(0).open(made(name))).to.equal(notPermitted);
        await rm(made(name));
      }
    });

    it('two connections of a pod share what both need, and each has a device of its own', async () => {
      const { node } = devices;
      const tokens = await node.admitPod('pod-of-two', ['simulated.node/25G', 'simulated.node/40G']);
      const open = (name = '') => node.container('pod-of-two').open(join(node.vfioFolder, name));
      using one = await devices.connect(0, { token: tokens[0] });
      using two = await devices.connect(0, { token: tokens[1] });
      const groups = [one, two].map(({ connection }) => parametersOf(connection)['iommuGroup']);
      for (const name of ['vfio', ...groups]) expect(await open(name)).to.equal('done');
      await one.client.close();
      for (const name of ['vfio', groups[1]]) expect(await open(name)).to.equal('done');
      await two.client.close();
      expect(await open('vfio')).to.equal(notPermitted);
    });

    it('C1, B33: serves a client that knows of its cgroup what a private namespace shows', async () => {
      for (const cgroupDir of ['*', '/', `kubepods/burstable/pod${devices.uid(0)}/*`]) {
        using connected = await devices.connect(0, { parameters: { cgroupDir } });
        expect(await devices.opening(0, connected.connection)).to.equal('done');
        await connected.client.close();
      }
    });

    it('goes from KERNEL to VFIO and back on one connection', async () => {
      const { node } = devices;
      using client = await devices.client();
      const first = await client.request({ token: devices.token() });
      const second = await changeMechanism(client, 'VFIO', inTime());
      expect([second.id, second.mechanism?.type]).to.deep.equal([first.id, 'VFIO']);
      expect(await driverOf(node, vfOf(second))).to.equal('vfio-pci');
      expect(await devices.openings(second)).to.deep.equal(['done', notPermitted, notPermitted, notPermitted]);
      expect((await client.look(inTime())).links.map(({ name }) => name)).not.to.include('nsm-1');
      const third = await changeMechanism(client, 'KERNEL', inTime());
      expect([third.id, third.mechanism?.type]).to.deep.equal([first.id, 'KERNEL']);
      expect(await driverOf(node, vfOf(third))).to.equal('igbvf');
      expect((await linkOf(client, 'nsm-1')).up).to.equal(true);
      expect(await devices.container(0).open(join(node.vfioFolder, 'vfio'))).to.equal(notPermitted);
      await client.close();
    });

    it('after kill -9 keeps device and access with the client, gives nobody else its group, and takes both back', async function () {
      this.timeout(120_000);
      const { node } = devices;
      using connected = await devices.connect();
      const { client, connection } = connected;
      const held = await devices.state();
      await node.daemon.stop('SIGKILL');
      expect(await devices.opening(0, connection)).to.equal('done');
      await node.startDaemon(inTime());
      expect(await devices.state()).to.deep.equal(held);
      using other = await devices.connect(1);
      expect(vfOf(other.connection)).not.to.equal(vfOf(connection));
      expect(await devices.openings(connection)).to.deep.equal(['done', notPermitted, notPermitted, notPermitted]);
      const healed = await client.request({ token: devices.token() });
      expect(parametersOf(healed)).to.deep.equal(parametersOf(connection));
      await other.client.close();
      expect(await devices.state()).to.deep.equal(held);
      await node.daemon.stop('SIGKILL');
      await node.startDaemon(inTime());
      await client.close();
    });

    it('C5: unasked, gives access back that a runtime took, and to a container that started again', async function () {
      this.timeout(120_000);
      using updated = await devices.connect(0);
      using restarted = await devices.connect(1);
      const held = await devices.state();
      await devices.container(0).update();
      await devices.restartContainer(1);
      const both = () =>
        Promise.all([devices.opening(0, updated.connection), devices.opening(1, restarted.connection)]);
      await eventually(async () => (await both()).every((it) => it === 'done'), longEnough());
      expect(await devices.state()).to.deep.equal(held);
      await updated.client.close();
      await restarted.client.close();
    });
  });
}

describe('VFIO on cgroup v2, when the journal is lost', () => {
  const devices = new DeviceFixture(useNode({ cgroups: 2 }));

  it('S1: a start takes back access that no connection justifies, and the VF serves again', async function () {
    this.timeout(120_000);
    const { node } = devices;
    const { rules } = await devices.state();
    using connected = await devices.connect();
    const { client, connection } = connected;
    await node.daemon.stop('SIGKILL');
    await rm(join(node.folder, 'state/journal'));
    await node.startDaemon(inTime());
    expect(await devices.opening(0, connection)).to.equal(notPermitted);
    expect((await devices.state()).rules).to.deep.equal(rules);
    const healed = await client.request({ token: devices.token() });
    expect(await devices.opening(0, healed)).to.equal('done');
    await client.close();
    // Nobody knows any more what driver it had: it stays on the one that it was found on until somebody needs another.
    expect(await driverOf(node, vfOf(healed))).to.equal('vfio-pci');
    using other = await devices.client();
    await expectServed(other, devices.token());
  });
});
