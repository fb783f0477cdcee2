import { expect } from 'chai';
import { Cleanup } from '../../simulation/cleanup.js';
import type { GoClient, GoSegment, Granted } from './go-client.js';
import { GoNode, requireGoPeers } from './go-node.js';

describe('a connection of a Go client', function () {
  this.timeout(60_000);
  const ending = new AbortController();
  const cleanup = new Cleanup();
  let goNode: GoNode;
  let clients: GoClient;
  let token: string;

  before(async function () {
    requireGoPeers(this);
    goNode = cleanup.use(await GoNode.start(ending.signal));
    clients = cleanup.use(await goNode.client());
    [token = ''] = await goNode.tokens(1);
  });

  after(async () => {
    ending.abort();
    await cleanup[Symbol.asyncDispose]();
  });

  function request(more: { client: string; connection?: object; behind?: string; unknown?: string }): Promise<Granted> {
    return clients.request({ service: goNode.networkService, token, interface: 'nsm-1', ...more });
  }

  it('is refreshed: the same interface with the same addresses, under the same ids', async () => {
    const first = await request({ client: 'refreshing' });
    const refreshed = await request({ client: 'refreshing' });

    expect(refreshed.interfaces).to.deep.equal(first.interfaces).and.to.have.length(1);
    expect(names(refreshed)).to.deep.equal(names(first));
    expect(refreshed.connection.context.ipContext).to.deep.equal(first.connection.context.ipContext);
    expect(refreshed.connection.mechanism).to.deep.equal(first.connection.mechanism);
    expect(await clients.close('refreshing')).to.deep.equal([]);
  });

  it("is kept by the SDK's own refreshes beyond the life of its first token", async () => {
    await using refreshing = await goNode.client(['-refresh', '-token-lifetime', '30s']);
    await refreshing.watch();
    await refreshing.events(1);
    const { connection } = await refreshing.request({
      client: 'nsc',
      service: goNode.networkService,
      token,
      interface: 'nsm-1',
    });

    const [, granted, refreshed] = await refreshing.events(3);

    const [before, after] = [granted, refreshed].map((event) => Object.values(event?.connections ?? {})[0]?.path);
    expect(refreshed?.type).to.equal('UPDATE');
    expect(after?.pathSegments.map(({ id }) => id)).to.deep.equal(connection.path.pathSegments.map(({ id }) => id));
    const [end = '', laterEnd = ''] = [before, after].map((path) => path?.pathSegments[0]?.expires);
    expect(Date.parse(laterEnd)).to.be.above(Date.parse(end));
    expect(await refreshing.close('nsc')).to.deep.equal([]);
  });

  it('F1: whose component is at log level WARN and so sends no descriptor fails early, and is told why', async () => {
    await using silent = await goNode.client(['-log-level', 'WARN']);

    const failure = await silent.refused({
      client: 'silent',
      service: goNode.networkService,
      token,
      interface: 'nsm-1',
    });

    expect(failure.code).to.equal('FailedPrecondition');
    expect(failure.error)
      .to.match(/inode:\/\/\d+\/\d+/)
      .and.to.include('log level WARN');
    const { interfaces } = await request({ client: 'loud' });
    expect(interfaces).to.have.length(1);
    await clients.close('loud');
  });

  it('S6: is shown to a Go monitor from beginning to end, under our own id and index and without tokens', async () => {
    await clients.watch();
    const [initial] = await clients.events(1);
    const { connection } = await request({ client: 'watched' });
    await clients.close('watched');

    const [, update, deletion] = await clients.events(3);
    await clients.unwatch();

    expect(initial).to.deep.equal({ type: 'INITIAL_STATE_TRANSFER', connections: {} });
    const own = connection.path.pathSegments[1];
    expect(own?.name).to.equal(goNode.node.daemonName);
    for (const [event, type] of [
      [update, 'UPDATE'],
      [deletion, 'DELETE'],
    ] as const) {
      expect(event?.type).to.equal(type);
      expect(Object.keys(event?.connections ?? {})).to.deep.equal([own?.id]);
      const [shown] = Object.values(event?.connections ?? {});
      expect([shown?.id, shown?.path.index]).to.deep.equal([own?.id, 1]);
      expect(shown?.path.pathSegments.map(({ id }) => id)).to.deep.equal(
        connection.path.pathSegments.map(({ id }) => id),
      );
      expect(shown?.path.pathSegments.map((segment) => segment.token)).to.deep.equal(['', '', '']);
    }
  });

  it('keeps labels, context, foreign path segments and fields that we do not know', async () => {
    const labels = { app: 'web', 'unknown.example/label': 'kept' };
    const dnsContext = { configs: [{ dnsServerIps: ['10.96.0.10'], searchDomains: ['mesh.example'] }] };
    // Field 1000 of wire type 2 with the text "later": what a newer peer may send.
    const unknown = Buffer.from([0xc2, 0x3e, 0x05, ...Buffer.from('later')]).toString('base64');
    const granted = await request({
      client: 'rich',
      behind: 'nsc',
      unknown,
      connection: { labels, context: { extraContext: { ours: 'kept' }, dnsContext } },
    });
    await clients.close('rich');

    const { connection } = granted;
    expect(connection.labels).to.deep.equal(labels);
    expect(connection.context.extraContext).to.deep.equal({ ours: 'kept', endpoint: goNode.endpointName });
    expect(connection.context.dnsContext).to.deep.equal(dnsContext);
    expect(granted.unknown).to.equal(unknown);
    expect(connection.path.pathSegments.map(({ name }) => name)).to.deep.equal([
      'nsc',
      'rich',
      goNode.node.daemonName,
      goNode.endpointName,
    ]);
    expect(connection.path.pathSegments[0]?.metrics).to.deep.equal({ rx_bytes: '17' });
  });

  it("T1: has tokens that the SDK's own policies accept on both sides: ES256, an audience list, the expiry as reported", async () => {
    // Client and endpoint check every answer and Request with all policies that the SDK has for them.
    const { connection } = await request({ client: 'checked' });
    await clients.close('checked');

    const [client, own, endpoint] = connection.path.pathSegments.map(readToken);
    const spiffeId = (name: string) => `spiffe://simulated.node/${name}`;
    expect(own?.header).to.deep.equal({ alg: 'ES256', typ: 'JWT' });
    expect(client?.claims.aud).to.deep.equal([own?.claims.sub]);
    expect(own?.claims).to.include({ sub: spiffeId('forwarder') });
    expect(own?.claims.aud).to.deep.equal([spiffeId('go-endpoint')]);
    expect(endpoint?.claims.aud).to.deep.equal([own?.claims.sub]);
    expect(own?.claims.exp).to.equal(Date.parse(connection.path.pathSegments[1]?.expires ?? '') / 1000);
  });
});

function names({ connection }: Granted): unknown {
  return [connection.id, connection.path.index, connection.path.pathSegments.map(({ name, id }) => [name, id])];
}

interface Claims {
  readonly sub: string;
  readonly aud: unknown;
  readonly exp: number;
}

/** Reads a JWT without checking it: that is what the Go peers do. */
function readToken({ token }: GoSegment): { readonly header: unknown; readonly claims: Claims } {
  const [header = '', claims = ''] = token.split('.').map((part) => Buffer.from(part, 'base64url').toString());
  return { header: JSON.parse(header), claims: JSON.parse(claims) as Claims };
}
