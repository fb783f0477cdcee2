import { expect } from 'chai';
import { Cleanup } from '../../simulation/cleanup.js';
import type { MeshClient } from './client.js';
import { explainFailures } from './explain-failures.js';
import { figure, recovery, rounds } from './figures.js';
import { Mesh } from './mesh.js';
import type { Pinger } from './pinger.js';
import { requireMesh } from './programs.js';

const tokenLifetime = '30s';

/** A manager that goes away again sooner is registered with more and more rarely. */
const steadyMs = 10_000;

describe('a mesh whose parts are restarted under a KERNEL client', function () {
  this.timeout(120_000 * rounds);
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

  /** How long from a moment to the client's first granted Request after it, ms. */
  async function healing(moment: number): Promise<number> {
    return (await client.granted(moment, signal)).at - moment;
  }

  /** Measures it; several times only where each is a restart by itself. */
  async function measured(what: string, goMs: number, measure: () => Promise<number>): Promise<void> {
    await recovery(what, { goMs }, async () => {
      if (rounds > 1) await client.granted(Date.now() + steadyMs, signal);
      return measure();
    });
  }

  it('is healed when nsmgr is restarted', () =>
    measured('nsmgr restarted', 900, async () => {
      await mesh.node.manager.stop();
      return healing(await mesh.node.manager.start(signal));
    }));

  it('is healed when nsmgr is killed', () =>
    measured('nsmgr killed', 1500, async () => {
      await mesh.node.manager.stop('SIGKILL');
      return healing(await mesh.node.manager.start(signal));
    }));

  it('is healed when the registry is restarted', () =>
    measured('registry restarted, registered again', 900, async () => {
      await mesh.registry.stop();
      const started = await mesh.registry.start(signal);
      await using watcher = await mesh.watchForwarders(signal);
      const { at } = await watcher.until(({ endpoint }) => endpoint?.name === mesh.node.daemonName, signal);
      await healing(started);
      return at - started;
    }));

  it('is healed when the endpoint is restarted', () =>
    measured('endpoint restarted', 6800, async () => {
      await mesh.endpoint.stop();
      return healing(await mesh.endpoint.start(signal));
    }));

  it('does not notice that the SPIRE agent is restarted', async () => {
    await mesh.spire.stopAgent();
    await mesh.spire.startAgent(signal);
    const { error } = await client.granted(Date.now(), signal);
    expect(error).to.equal(undefined);
    figure('SPIRE agent restarted', 'unnoticed', 'unnoticed');
  });
});
