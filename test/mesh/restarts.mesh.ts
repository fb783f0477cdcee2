import { expect } from 'chai';
import { Cleanup } from '../../simulation/cleanup.js';
import type { MeshClient } from './client.js';
import { explainFailures } from './explain-failures.js';
import { figure, inSeconds } from './figures.js';
import { Mesh } from './mesh.js';
import type { Pinger } from './pinger.js';
import { requireMesh } from './programs.js';

const tokenLifetime = '30s';

describe('a mesh whose parts are restarted under a KERNEL client', function () {
  this.timeout(60_000);
  const ending = new AbortController();
  const { signal } = ending;
  const cleanup = new Cleanup();
  let mesh: Mesh;
  let client: MeshClient;
  let vf: string;
  let pinger: Pinger;

  explainFailures(() => mesh);

  before(async function () {
    requireMesh(this);
    mesh = cleanup.use(await Mesh.start({}, signal));
    await mesh.node.startDaemon(signal);
    client = cleanup.use(await mesh.node.client({ tokenLifetime }));
    await client.connect(signal);
    ({ vf } = client);
  });

  beforeEach(async () => {
    pinger = cleanup.use(await client.ping(signal));
  });

  /** The client goes on with the VF that it had, and has not noticed. */
  afterEach(async () => {
    const { sent, answered } = await pinger.stop();
    expect(client.vf).to.equal(vf);
    expect(sent - answered, `of ${sent} pings`).to.equal(0);
  });

  after(async () => {
    ending.abort();
    await cleanup[Symbol.asyncDispose]();
  });

  /** Says when the client's first Request after a moment was granted, and how many before it were not. */
  async function healed(moment: number): Promise<string> {
    const { at } = await client.granted(moment, signal);
    const failed = client.calls.filter((call) => call.at > moment && call.at < at).length;
    return `healed in ${inSeconds(at - moment)}, ${failed} refused Requests`;
  }

  it('is healed when nsmgr is restarted', async () => {
    await mesh.node.manager.stop();
    const started = await mesh.node.manager.start(signal);
    figure('nsmgr restarted', await healed(started), 'healed in 0.9 s');
  });

  it('is healed when nsmgr is killed', async () => {
    await mesh.node.manager.stop('SIGKILL');
    const started = await mesh.node.manager.start(signal);
    figure('nsmgr killed', await healed(started), 'healed in 1.5 s after 2 s without it');
  });

  it('is healed when the registry is restarted', async () => {
    await mesh.registry.stop();
    const started = await mesh.registry.start(signal);
    const watcher = await mesh.watchForwarders(signal);
    const { at } = await watcher.until(({ endpoint }) => endpoint?.name === mesh.node.daemonName, signal);
    await healed(started);
    figure('registry restarted', `registered again in ${inSeconds(at - started)}`, 'healed in 0.9 s');
  });

  it('is healed when the endpoint is restarted', async () => {
    await mesh.endpoint.stop();
    const started = await mesh.endpoint.start(signal);
    figure('endpoint restarted', await healed(started), 'healed in 6.8 s');
  });

  it('does not notice that the SPIRE agent is restarted', async () => {
    await mesh.spire.stopAgent();
    await mesh.spire.startAgent(signal);
    const { error } = await client.granted(Date.now(), signal);
    expect(error).to.equal(undefined);
    figure('SPIRE agent restarted', 'unnoticed', 'unnoticed');
  });
});
