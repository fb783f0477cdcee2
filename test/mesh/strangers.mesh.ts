import { expect } from 'chai';
import { Cleanup } from '../../simulation/cleanup.js';
import type { GoConnection } from '../interop/go-client.js';
import type { MeshClient } from './client.js';
import { explainFailures } from './explain-failures.js';
import { goForwarderDiffers } from './forwarder-under-test.js';
import { Mesh } from './mesh.js';
import type { Peer } from './peer.js';
import { requireMesh } from './programs.js';

describe("somebody who has got hold of another's connection in a mesh", function () {
  this.timeout(60_000);
  const ending = new AbortController();
  const { signal } = ending;
  const cleanup = new Cleanup();
  let mesh: Mesh;
  let client: MeshClient;

  explainFailures(() => mesh);

  before(async function () {
    requireMesh(this);
    mesh = cleanup.use(await Mesh.start({}, signal));
    await mesh.node.startDaemon(signal);
    client = cleanup.use(await mesh.node.client());
    await client.connect(signal);
  });

  after(async () => {
    ending.abort();
    await cleanup[Symbol.asyncDispose]();
  });

  function outcome(intruder: Peer, name: string): string | undefined {
    return intruder.events.find(({ event }) => event === name)?.error;
  }

  /** What comes of it at our own socket. */
  function intrudeHere(): Promise<Peer> {
    const asManager = { ...client.connection, id: idAt(client.connection, 1), path: pathAt(client.connection, 1) };
    return mesh.intrude(asManager, mesh.node.daemonUrl, signal);
  }

  it('can neither refresh nor close it at our own socket', async () => {
    await using pinger = await client.ping(signal);
    const intruder = await intrudeHere();

    for (const call of ['request', 'close']) expect(outcome(intruder, call), call).to.include('PermissionDenied');
    const { sent, answered } = await pinger.stop();
    expect(sent - answered).to.equal(0);
  });

  it('S6: cannot watch it there', async function () {
    goForwarderDiffers(this, 'shows connections to everybody (S6)');
    const intruder = await intrudeHere();

    expect(outcome(intruder, 'monitor')).to.include('PermissionDenied');
    expect(intruder.events.filter(({ event }) => event === 'seen')).to.deep.equal([]);
  });

  it("cannot take it away through the manager, which would let it: the client's VF stays where it is", async () => {
    const { vf } = client;
    await using pinger = await client.ping(signal);
    const before = Date.now();
    const intruder = await mesh.intrude(client.connection, mesh.node.managerUrl, signal);

    expect(outcome(intruder, 'request')).to.be.a('string');
    // The manager has lost sight of the connection over this; its client finds out, and goes on with what it has.
    await client.granted(before, signal);
    expect(client.vf).to.equal(vf);
    const { sent, answered } = await pinger.stop();
    expect(sent - answered).to.equal(0);
  });

  it('is refused behind the manager for who it is', async function () {
    goForwarderDiffers(this, 'lets it in, and fails only as it finds no netdev in its namespace');
    const intruder = await mesh.intrude(client.connection, mesh.node.managerUrl, signal);

    expect(outcome(intruder, 'request')).to.include('no sufficient privileges');
  });
});

function idAt(connection: GoConnection, index: number): string {
  return connection.path.pathSegments[index]?.id ?? '';
}

function pathAt({ path }: GoConnection, index: number): GoConnection['path'] {
  return { ...path, index };
}
