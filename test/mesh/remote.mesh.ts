import { expect } from 'chai';
import { Cleanup } from '../../simulation/cleanup.js';
import { explainFailures } from './explain-failures.js';
import { figure, inSeconds, since } from './figures.js';
import { goForwarderDiffers } from './forwarder-under-test.js';
import { Mesh } from './mesh.js';
import { requireMesh } from './programs.js';
import { expectServed } from './served.js';

describe('a KERNEL client whose endpoint is on another node of the mesh', function () {
  this.timeout(90_000);
  const ending = new AbortController();
  const { signal } = ending;
  const cleanup = new Cleanup();
  let mesh: Mesh;

  explainFailures(() => mesh);

  before(async function () {
    requireMesh(this);
    mesh = cleanup.use(await Mesh.start({ nodes: 2 }, signal));
    for (const node of mesh.nodes) await node.startDaemon(signal);
  });

  after(async () => {
    ending.abort();
    await cleanup[Symbol.asyncDispose]();
  });

  it('is connected over a path of six segments, pings, and its VF comes home with Close', async () => {
    const { node, lastNode } = mesh;
    const untouched = await lastNode.hardware.homecomers();
    await using client = await node.client();
    const { started, granted } = await client.connect(signal);
    await using pinger = await client.ping(signal);

    expect(client.connection.path.pathSegments.map(({ name }) => name)).to.deep.equal([
      client.name,
      node.managerName,
      node.daemonName,
      lastNode.managerName,
      lastNode.daemonName,
      mesh.endpointName,
    ]);
    // The daemon beside the endpoint passes on what it is asked for, and takes no VF for it.
    expect(await lastNode.hardware.homecomers()).to.equal(untouched);
    const { sent, answered } = await pinger.stop();
    expect(sent - answered, `of ${sent} pings`).to.equal(0);
    const { vf } = client;
    await client.stop();
    await node.home(vf, signal);
    expectServed(client.calls);
    figure('nsc start to connected, remote', since(started, granted), '263-286 ms');
  });

  for (const where of ['beside the client', 'beside the endpoint'] as const) {
    it(`goes on with its VF, and loses no ping, when the daemon ${where} is killed and started again`, async function () {
      if (where === 'beside the client') goForwarderDiffers(this, 'never finds its netdev after its restart (R1, R2)');
      const node = where === 'beside the client' ? mesh.node : mesh.lastNode;
      await using client = await mesh.node.client({ tokenLifetime: '30s' });
      await client.connect(signal);
      const { vf } = client;
      await using pinger = await client.ping(signal);

      await node.daemon.stop('SIGKILL');
      const restarted = Date.now();
      await node.startDaemon(signal);
      const { at } = await client.granted(restarted, signal);

      const { sent, answered } = await pinger.stop();
      expect(client.vf).to.equal(vf);
      expect(sent - answered, `of ${sent} pings`).to.equal(0);
      const inGo = where === 'beside the client' ? 'never heals' : 'healed in 2.6 s';
      figure(`forwarder ${where} killed and started`, `healed in ${inSeconds(at - restarted)}`, inGo);
      await client.stop();
      await mesh.node.home(vf, signal);
    });
  }
});
