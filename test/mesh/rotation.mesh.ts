import { expect } from 'chai';
import { Cleanup } from '../../simulation/cleanup.js';
import { explainFailures } from './explain-failures.js';
import { figure } from './figures.js';
import { goForwarderDiffers } from './forwarder-under-test.js';
import { Mesh } from './mesh.js';
import { requireMesh } from './programs.js';
import { expectServed } from './served.js';

/** Longer than a certificate's life: each is replaced at half of it. */
const watchedMs = 75_000;

/**
 * As all Go components with such certificates (real-peers 4), the endpoint is out of the registry for a moment in each life.
 * A refresh at that moment fails, whoever the forwarder is, and the client asks again.
 */
const endpointAway = /network service endpoint nse is not registered/;

describe('a mesh whose certificates live one minute', function () {
  this.timeout(120_000);
  const ending = new AbortController();
  const { signal } = ending;
  const cleanup = new Cleanup();
  let mesh: Mesh;

  explainFailures(() => mesh);

  before(async function () {
    requireMesh(this);
    mesh = cleanup.use(await Mesh.start({ certificateLifetime: 60 }, signal));
  });

  after(async () => {
    ending.abort();
    await cleanup[Symbol.asyncDispose]();
  });

  it('keeps a connection over their rotation without losing a ping, and the daemon in the registry', async function () {
    goForwarderDiffers(
      this,
      'registers under another URL whenever it comes back into the registry, and a Request fails',
    );
    const watcher = await mesh.watchForwarders(signal);
    await mesh.node.startDaemon(signal);
    await watcher.until(({ endpoint }) => endpoint?.name === mesh.node.daemonName, signal);
    await using client = await mesh.node.client();
    const { started } = await client.connect(signal);
    await using pinger = await client.ping(signal);

    await client.granted(started + watchedMs, signal);

    const { sent, answered } = await pinger.stop();
    expectServed(client.calls.filter(({ error = '' }) => !endpointAway.test(error)));
    expect(sent - answered).to.equal(0);
    const rotations = mesh.node.daemon.rotations;
    expect(rotations).to.be.at.least(2);
    const changes = watcher.events.filter(({ endpoint }) => endpoint?.name === mesh.node.daemonName);
    expect(changes.filter(({ event }) => event === 'deleted')).to.deep.equal([]);
    // Never is the next refresh later than the end of the one before.
    for (const [i, change] of changes.slice(1).entries()) {
      expect(change.at).to.be.below(changes[i]?.endpoint?.expires ?? 0);
    }
    figure('1-minute certificates', `${rotations} rotations, ${answered} of ${sent} pings`, '996 of 996 pings');
    figure(
      'registered',
      `${changes.length} times in ${watchedMs / 1000} s, never gone`,
      'gone for seconds in each life',
    );
  });
});
