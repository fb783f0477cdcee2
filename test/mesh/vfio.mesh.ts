import { expect } from 'chai';
import { usableCgroups } from '../../simulation/cgroups/usable-cgroups.js';
import { Cleanup } from '../../simulation/cleanup.js';
import { parsePciAddress } from '../../src/ports/pci-address.js';
import { skipBecause } from '../skip-because.js';
import { eventually } from './eventually.js';
import { explainFailures } from './explain-failures.js';
import { figure, inSeconds, since } from './figures.js';
import { goForwarderDiffers } from './forwarder-under-test.js';
import { Mesh } from './mesh.js';
import { requireMesh } from './programs.js';

const notPermitted = 'Operation not permitted';

describe('a VFIO client in a mesh of SPIRE, nsmgr, registry and endpoint', function () {
  this.timeout(90_000);
  const ending = new AbortController();
  const { signal } = ending;
  const cleanup = new Cleanup();
  let mesh: Mesh;

  explainFailures(() => mesh);

  before(async function () {
    requireMesh(this);
    const usable = await usableCgroups();
    if ('why' in usable) return skipBecause(this, usable.why);
    mesh = cleanup.use(await Mesh.start({ cgroups: usable.version }, signal));
    await mesh.node.startDaemon(signal);
  });

  after(async () => {
    ending.abort();
    await cleanup[Symbol.asyncDispose]();
  });

  it('is connected over a path of four segments, and alone may open its device', async () => {
    await using client = await mesh.node.client({ mechanism: 'vfio' });
    await using other = await mesh.node.client({ mechanism: 'vfio' });
    const { started, granted } = await client.connect(signal);
    await other.connect(signal);

    expect(client.connection.path.pathSegments.map(({ name }) => name)).to.deep.equal([
      client.name,
      mesh.node.managerName,
      mesh.node.daemonName,
      mesh.endpointName,
    ]);
    const group = client.connection.mechanism.parameters['iommuGroup'] ?? '';
    expect(await driver(client.vf)).to.equal('vfio-pci');
    expect(await Promise.all(['vfio', group].map((name) => client.pod.open(name)))).to.deep.equal(['done', 'done']);
    expect(await other.pod.openAt(client.pod.node(group))).to.equal(notPermitted);
    figure('nsc start to connected, VFIO', since(started, granted), '125-133 ms');
  });

  it('S1: may open its device no longer after Close', async function () {
    goForwarderDiffers(this, 'never takes access back (S1)');
    await using client = await mesh.node.client({ mechanism: 'vfio' });
    await client.connect(signal);
    const group = client.connection.mechanism.parameters['iommuGroup'] ?? '';
    expect(await client.pod.open(group)).to.equal('done');
    const told = Date.now();
    await client.stop();
    const [closed] = client.calls.filter(({ event }) => event === 'close');
    expect(closed?.error).to.equal(undefined);
    for (const name of ['vfio', group]) expect(await client.pod.open(name)).to.equal(notPermitted);
    figure('nsc SIGTERM to closed, VFIO', closed === undefined ? 'never' : since(told, closed), 'never revoked');
  });

  it('S1: is killed: its access goes when its token ends, and the VF serves the next client', async function () {
    goForwarderDiffers(this, 'never takes access back (S1)');
    await using client = await mesh.node.client({ mechanism: 'vfio', tokenLifetime: '20s' });
    await client.connect(signal);
    const group = client.connection.mechanism.parameters['iommuGroup'] ?? '';
    const killed = performance.now();
    await client.stop('SIGKILL');

    await eventually(async () => (await client.pod.open(group)) === notPermitted, signal);

    figure('nsc killed to its access gone, VFIO', inSeconds(performance.now() - killed), 'never revoked');
    await using next = await mesh.node.client({ mechanism: 'vfio' });
    await next.connect(signal);
    expect(await driver(next.vf)).to.equal('vfio-pci');
  });

  it('R1: keeps its device over kill -9 of the daemon, and the next client gets another', async function () {
    goForwarderDiffers(this, 'gives the device to the next client after its restart (R1)');
    await using client = await mesh.node.client({ mechanism: 'vfio', tokenLifetime: '30s' });
    await client.connect(signal);
    const { vf } = client;
    const group = client.connection.mechanism.parameters['iommuGroup'] ?? '';
    await mesh.node.daemon.stop('SIGKILL');
    const restarted = Date.now();
    await mesh.node.startDaemon(signal);

    await using next = await mesh.node.client({ mechanism: 'vfio' });
    await next.connect(signal);
    await client.granted(restarted, signal);

    expect(client.vf).to.equal(vf);
    expect(next.vf).not.to.equal(vf);
    expect(await client.pod.open(group)).to.equal('done');
    expect(await next.pod.openAt(client.pod.node(group))).to.equal(notPermitted);
  });

  /** The driver that a function has. */
  function driver(address: string): Promise<string | undefined> {
    return mesh.node.hardware.tree.driver(parsePciAddress(address));
  }
});
