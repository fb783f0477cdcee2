import { expect } from 'chai';
import { Cleanup } from '../../simulation/cleanup.js';
import { explainFailures } from './explain-failures.js';
import { figure, recovery, rounds } from './figures.js';
import { goForwarderDiffers } from './forwarder-under-test.js';
import { Mesh } from './mesh.js';
import { requireMesh } from './programs.js';

const tokenLifetime = '30s';

describe('the daemon in a mesh', function () {
  this.timeout(60_000 * rounds);
  const ending = new AbortController();
  const { signal } = ending;
  const cleanup = new Cleanup();
  let mesh: Mesh;

  explainFailures(() => mesh);

  before(async function () {
    requireMesh(this);
    mesh = cleanup.use(await Mesh.start({}, signal));
    await mesh.node.startDaemon(signal);
  });

  after(async () => {
    ending.abort();
    await cleanup[Symbol.asyncDispose]();
  });

  it('R1, R2: is killed and started again: the client goes on with its VF, and no ping is lost', async function () {
    goForwarderDiffers(this, 'takes the VF in the pod for free after its restart, and never finds its netdev (R1, R2)');
    await using client = await mesh.node.client({ tokenLifetime });
    await client.connect(signal);
    const { vf } = client;
    await using pinger = await client.ping(signal);

    await recovery('forwarder killed and started, same VF', { neverInGo: true, limitMs: 2000 }, async () => {
      await mesh.node.daemon.stop('SIGKILL');
      const started = Date.now();
      await mesh.node.startDaemon(signal);
      return (await client.granted(started, signal)).at - started;
    });

    const { sent, answered } = await pinger.stop();
    expect(client.vf).to.equal(vf);
    expect(sent - answered, `of ${sent} pings`).to.equal(0);
    await client.stop();
    await mesh.node.home(vf, signal);
  });

  it('R1: serves the next client after that at once', async function () {
    goForwarderDiffers(this, 'serves nobody after its restart as long as the VF that it tries first is in a pod (R1)');
    await using client = await mesh.node.client();
    const { started, granted } = await client.connect(signal);
    expect(client.vf).not.to.equal('');
    figure('the next client', `connected in ${Math.round(granted.at - started)} ms`, 'fails for 47 s');
  });
});
