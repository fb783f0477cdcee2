import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Connection } from '../../apis/generated/connection.js';
import { attachedCode, attachedIds, replaceProgram } from '../../simulation/cgroups/device-programs.js';
import type { DaemonProcess } from '../../simulation/daemon-process.js';
import { type PciAddress, parsePciAddress } from '../../src/ports/pci-address.js';
import { CgroupHarness } from '../cgroup/cgroup-harness.js';
import { atTheEnd } from '../chaos/last-words.js';
import { failure } from '../contract/network-harness.js';
import { until } from './commands.js';
import { cgroupsV2, mountCgroupV1 } from './device-cgroups.js';
import { type PodClient, RealMesh, resource } from './real-mesh.js';
import { firstPf, RealNode, unpartedPf, type VfState } from './real-node.js';
import { RuncContainer } from './runc-container.js';
import { VfioUser } from './vfio-user.js';

/** Everybody shares one slow processor. */
const timeoutMs = 60_000;
const patient = () => AbortSignal.timeout(240_000);
const vfCount = 4;
const ids = { ids: '8086:10ca' };
const refusedToAll = { failure: { step: 'open /dev/vfio/vfio', errno: 'EPERM' } };

/** The VF of a connection, and its group. */
function deviceOf({ mechanism }: Connection): { readonly vf: PciAddress; readonly iommuGroup: number } {
  const { pciAddress = '', iommuGroup } = mechanism?.parameters ?? {};
  return { vf: parsePciAddress(pciAddress), iommuGroup: Number(iommuGroup) };
}

describe('the daemon with VFIO on real cards', function () {
  this.timeout(300_000);
  let node: RealNode;
  let mesh: RealMesh;
  let daemon: DaemonProcess;
  let vfs: readonly PciAddress[];
  let initial: readonly VfState[];
  let cgroups: CgroupHarness;
  /** Two pods with a container of one program each. */
  let one: PodClient;
  let two: PodClient;
  let folderOfOne: string;
  let inOne: VfioUser;
  let inTwo: VfioUser;

  before(async () => {
    node = new RealNode();
    for (const pf of [firstPf, unpartedPf]) await node.bare(pf);
    mesh = await RealMesh.start();
    daemon = await mesh.startDaemon({ physicalFunctions: [firstPf], numVfs: vfCount }, patient());
    vfs = await node.vfs(firstPf);
    initial = await states();
    cgroups = new CgroupHarness(cgroupsV2);
    [one, two] = [await mesh.client(), await mesh.client()];
    folderOfOne = await containerOf(cgroups, one);
    [inOne, inTwo] = [await VfioUser.start(folderOfOne), await VfioUser.start(await containerOf(cgroups, two))];
  });

  after(async () => {
    await inOne.kill();
    await inTwo.kill();
    await cgroups[Symbol.asyncDispose]();
    await mesh[Symbol.asyncDispose]();
    node[Symbol.dispose]();
  });

  afterEach(function () {
    if (this.currentTest?.state === 'failed') console.log(mesh.daemon.lines.slice(-20).join('\n'));
  });

  const states = () => Promise.all(vfs.map((vf) => node.stateOf(vf)));
  const allHome = () => until(async () => JSON.stringify(await states()) === JSON.stringify(initial));

  async function containerOf(tree: CgroupHarness, { pod }: PodClient): Promise<string> {
    return tree.folder(await tree.addContainer(await tree.addPod(pod), 'main'));
  }

  const connect = ({ client, token }: PodClient) => client.request({ token, type: 'VFIO', timeoutMs });

  /** Without the journal nobody knows that the VF had another driver; it is free when its program has let go of it. */
  async function renewForgotten(vf: PciAddress): Promise<void> {
    await daemon.logged('VF is free again', patient());
    await node.renew(vf);
  }

  /** What comes of it when a program uses the device of a connection. */
  const use = (program: VfioUser, connection: Connection) => {
    const { vf, iommuGroup } = deviceOf(connection);
    return program.open(iommuGroup, vf);
  };

  it('goes from KERNEL to VFIO and back on one connection: the netdev is the pod’s, then the device, then the netdev', async () => {
    const { client, token } = one;
    const names = async () => (await client.look(patient())).links.map(({ name }) => name);
    const first = await client.request({ token, timeoutMs });
    expect(await names()).to.include('nsm-1');
    const second = await client.request({ type: 'VFIO', timeoutMs });
    expect([second.id, deviceOf(second).vf]).to.deep.equal([first.id, deviceOf(first).vf]);
    expect(await names()).not.to.include('nsm-1');
    expect(await use(inTwo, second)).to.deep.equal(refusedToAll);
    expect(await use(inOne, second)).to.deep.equal(ids);
    await inOne.close();
    const third = await client.request({ type: 'KERNEL', timeoutMs });
    expect(third.id).to.equal(first.id);
    expect(await names()).to.include('nsm-1');
    expect(await use(inOne, second)).to.deep.equal(refusedToAll);
    await client.close({ timeoutMs });
    expect(await states()).to.deep.equal(initial);
  });

  for (const journal of ['kept', 'lost'] as const) {
    it(`never gives a group to the next client that a paused one has open, when it is killed and its journal ${journal}`, async () => {
      const connection = await connect(one);
      expect(await use(inOne, connection)).to.deep.equal(ids);
      inOne.pause();
      await daemon.stop('SIGKILL');
      if (journal === 'lost') await rm(join(mesh.stateFolder, 'journal'));
      daemon = await mesh.restartDaemon(patient());
      const next = await connect(two);
      expect(deviceOf(next).vf).not.to.equal(deviceOf(connection).vf);
      expect(await use(inTwo, next)).to.deep.equal(ids);
      inOne.resume();
      await inTwo.close();
      await two.client.close({ timeoutMs });
      await inOne.close();
      await one.client.close({ timeoutMs }).catch(() => undefined);
      if (journal === 'lost') await renewForgotten(deviceOf(connection).vf);
      await allHome();
    });
  }

  it('has the VF of a program back that was killed with its device open', async () => {
    const connection = await connect(one);
    expect(await use(inOne, connection)).to.deep.equal(ids);
    await inOne.kill();
    await one.client.close({ timeoutMs });
    expect(await states()).to.deep.equal(initial);
    inOne = await VfioUser.start(folderOfOne);
  });

  it('keeps the VF of a program that does not let go from everybody, and has it back by itself', async () => {
    const connection = await connect(two);
    expect(await use(inTwo, connection)).to.deep.equal(ids);
    await two.client.close({ timeoutMs }).catch(() => undefined);
    const able = () => mesh.kubelet.resource(resource)?.allocatable;
    await mesh.kubelet.until(() => able() === vfCount - 1, patient());
    await inTwo.close();
    await mesh.kubelet.until(() => able() === vfCount, patient());
    expect(await use(inTwo, connection)).to.deep.equal(refusedToAll);
    await allHome();
  });

  it('C5: a container of runc has access, again after an update and a restart, and not after Close', async () => {
    const pod = await mesh.client();
    await using container = await RuncContainer.create(pod.pod);
    await container.start();
    const rules = await attachedCode(container.folder);
    expect(rules).to.have.length(1);
    const connection = await connect(pod);
    expect(await use(container.user, connection)).to.deep.equal(ids);
    await container.user.close();
    const granted = await attachedIds(container.folder);
    await container.update('--pids-limit', '100');
    const kept = String(await attachedIds(container.folder)) === String(granted);
    atTheEnd(`runc update has ${kept ? 'left the device program alone' : 'replaced the device program'}`);
    // Other runtimes, and other versions of this one, set the rules of a container anew.
    await replaceProgram(container.folder, rules[0] ?? new Uint8Array());
    await until(async () => 'ids' in (await use(container.user, connection)));
    await container.end();
    await container.start();
    await until(async () => 'ids' in (await use(container.user, connection)));
    await container.user.close();
    await pod.client.close({ timeoutMs });
    expect(await use(container.user, connection)).to.deep.equal(refusedToAll);
    expect(await attachedCode(container.folder)).to.deep.equal(rules);
    expect(await states()).to.deep.equal(initial);
  });

  it('serves on cgroup v1 where that is mounted', async () => {
    await using devices = await mountCgroupV1();
    const tree = new CgroupHarness(devices);
    await daemon.stop('SIGTERM');
    daemon = await mesh.startDaemon(
      { physicalFunctions: [firstPf], numVfs: vfCount, env: { NSM_CGROUP_PATH: devices.root } },
      patient(),
    );
    await using inside = await VfioUser.start(await containerOf(tree, one));
    await using outside = await VfioUser.start(await containerOf(tree, two));
    const connection = await connect(one);
    expect(await use(outside, connection)).to.deep.equal(refusedToAll);
    expect(await use(inside, connection)).to.deep.equal(ids);
    await inside.close();
    await one.client.close({ timeoutMs });
    expect(await use(inside, connection)).to.deep.equal(refusedToAll);
    expect(await states()).to.deep.equal(initial);
    await inside.kill();
    await outside.kill();
    await tree[Symbol.asyncDispose]();
    await daemon.stop('SIGTERM');
  });

  it('B10, P2: refuses a VF whose group holds its PF, which stays what it is', async () => {
    await daemon.stop('SIGTERM');
    await using another = await RealMesh.start();
    const { lines } = await another.startDaemon({ physicalFunctions: [unpartedPf], numVfs: 2 }, patient());
    const { client, token } = await another.client();
    const { message } = await failure('exhausted', client.request({ token, type: 'VFIO', timeoutMs }));
    expect(message).to.include('hold a PF');
    expect(lines.join('\n')).to.include(`holds the PF ${unpartedPf}`);
    expect((await node.pci.facts(unpartedPf)).driver).to.equal('igb');
    const { mechanism } = await client.request({ token, timeoutMs });
    expect(mechanism?.type).to.equal('KERNEL');
    await client.close({ timeoutMs });
    expect(await node.pci.virtualFunctions(unpartedPf)).to.have.length(2);
  });
});
