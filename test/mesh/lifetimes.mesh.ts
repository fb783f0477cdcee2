import { expect } from 'chai';
import { Cleanup } from '../../simulation/cleanup.js';
import { explainFailures } from './explain-failures.js';
import { figure, inSeconds } from './figures.js';
import { Mesh } from './mesh.js';
import { requireMesh } from './programs.js';

const tokenLifetime = '30s';

/** Longer than two lives of a token. */
const watchedMs = 65_000;

describe('a KERNEL client whose tokens live 30 s', function () {
  this.timeout(120_000);
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

  it('is refreshed over two lives of them, and no ping is lost', async () => {
    await using client = await mesh.node.client({ tokenLifetime });
    const { started } = await client.connect(signal);
    await using pinger = await client.ping(signal);

    await client.granted(started + watchedMs, signal);

    const { sent, answered } = await pinger.stop();
    const refused = client.calls.filter(({ error }) => error !== undefined);
    expect(refused).to.deep.equal([]);
    expect(sent - answered).to.equal(0);
    const refreshes = client.calls.length - 1;
    figure(
      'refreshed',
      `every ${Math.round(watchedMs / refreshes / 1000)} s, ${answered} of ${sent} pings`,
      'every 6 s, 379 of 379 pings',
    );
  });

  it('is killed: its VF comes home when its token ends', async () => {
    await using client = await mesh.node.client({ tokenLifetime });
    await client.connect(signal);
    const { vf } = client;
    const killed = performance.now();
    await client.stop('SIGKILL');

    await mesh.node.home(vf, signal);

    figure('nsc killed to VF home', inSeconds(performance.now() - killed), '10.6 s');
  });
});
