import { expect } from 'chai';
import { Cleanup } from '../../simulation/cleanup.js';
import { explainFailures } from './explain-failures.js';
import { figure, inSeconds, since } from './figures.js';
import { Mesh } from './mesh.js';
import { requireMesh } from './programs.js';

/** NSM's manager closes a connection so much before the client's token ends: the client's patience with a Request. */
const closedEarlyMs = 15_000;

describe('a KERNEL client in a mesh of SPIRE, nsmgr, registry and endpoint', function () {
  this.timeout(90_000);
  const ending = new AbortController();
  const { signal } = ending;
  const cleanup = new Cleanup();
  let mesh: Mesh;

  explainFailures(() => mesh);

  before(async function () {
    requireMesh(this);
    mesh = cleanup.use(await Mesh.start({}, signal));
  });

  after(async () => {
    ending.abort();
    await cleanup[Symbol.asyncDispose]();
  });

  it('finds the daemon registered', async () => {
    const took = await mesh.node.startDaemon(signal);
    figure('start to registered', `${Math.round(took)} ms`, '85 ms seen from outside');
  });

  it('is connected over a path of four segments, and pings', async () => {
    await using client = await mesh.node.client();
    const { started, granted } = await client.connect(signal);
    await using pinger = await client.ping(signal);
    expect((await pinger.stop()).answered).to.be.above(0);

    expect(client.connection.path.pathSegments.map(({ name }) => name)).to.deep.equal([
      client.name,
      mesh.node.managerName,
      mesh.node.daemonName,
      mesh.endpointName,
    ]);
    figure('nsc start to connected', since(started, granted), '120-130 ms');
    figure('of it the Request', `${granted.milliseconds} ms`, 'about 50 ms');
  });

  it('closes with SIGTERM: the VF is home', async () => {
    await using client = await mesh.node.client();
    await client.connect(signal);
    const { vf } = client;
    const told = Date.now();
    await client.stop();
    await mesh.node.home(vf, signal);

    const [closed] = client.calls.filter(({ event }) => event === 'close');
    expect(closed?.error).to.equal(undefined);
    figure('nsc SIGTERM to closed', closed === undefined ? 'never' : since(told, closed), 'within 70 ms');
  });

  it('is killed: its VF comes home when its token ends', async () => {
    await using client = await mesh.node.client({ tokenLifetime: '30s' });
    const { granted } = await client.connect(signal);
    const { vf } = client;
    const ends = Date.parse(client.connection.path.pathSegments[0]?.expires ?? '') - closedEarlyMs;
    await client.stop('SIGKILL');

    await mesh.node.home(vf, signal);

    const after = inSeconds(Date.now() - granted.at);
    const late = `${Math.round(Date.now() - ends)} ms after the manager's time for it`;
    figure(
      'nsc killed to VF home',
      `${after} after its last Request, ${late}`,
      '10.6 s after the kill, some time after one',
    );
  });
});
