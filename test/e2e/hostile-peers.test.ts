import { writeFile } from 'node:fs/promises';
import { connect as dial, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import type { Connection } from '../../apis/generated/connection.js';
import { CertificateAuthority } from '../../simulation/certificate-authority.js';
import type { SimulatedClient } from '../../simulation/client.js';
import { emptyContext, newConnection } from '../../simulation/messages.js';
import { SystemClock } from '../../src/clock/system-clock.js';
import type { X509Material } from '../../src/ports/identity.js';
import { Durations } from '../chaos/durations.js';
import { DaemonAtRest } from './support/daemon-at-rest.js';
import { expectServed, refusal, withoutTrace } from './support/expectations.js';
import { type Forgery, forgeToken, secondsFromNow } from './support/forge-token.js';
import { inTime, useNode } from './support/node-fixture.js';
import { RawPeer } from './support/raw-peer.js';

const anybody = 'spiffe://simulated.node/client/somebody-else';

/** What is wrong with a token, how it is made, and the policy that says so. */
const forgeries: readonly [string, Forgery, string][] = [
  ['has expired', { claims: { exp: secondsFromNow(-60) } }, 'common/tokens_expired'],
  ['is not yet good', { claims: { nbf: secondsFromNow(3600) } }, 'common/tokens_expired'],
  ['is meant for another', { claims: { aud: [anybody] } }, 'common/tokens_chained'],
  ['is unsigned', { header: { alg: 'none' }, unsigned: true }, 'server/prev_token_signed'],
  ["is in another's name", { claims: { sub: anybody } }, 'server/prev_token_signed'],
  ['is of a foreign trust domain', { claims: { sub: 'spiffe://elsewhere/client' } }, 'server/prev_token_signed'],
];

const noop = [{ cls: 'LOCAL', type: 'NOOP', parameters: {} }];

describe('hostile peers', function () {
  this.timeout(60_000);
  const fixture = useNode();
  let honest: SimulatedClient;
  let identity: X509Material;
  let atRest: DaemonAtRest;

  before(async () => {
    honest = await fixture.client();
    identity = await fixture.node.issue('/client/hostile');
    await expectServed(honest, fixture.token());
    atRest = await DaemonAtRest.of(fixture.node.daemon);
  });

  const url = () => fixture.node.registry.urlOf(fixture.node.daemonName);
  const socketPath = () => url().replace(/^unix:\/\//, '');
  const peer = (token?: (audience: string) => string, as = identity) =>
    new RawPeer({ identity: as, url: url(), ...(token !== undefined && { token }) });
  const connection = (change: Partial<Connection> = {}): Connection => ({
    ...newConnection('hostile-0', 'hostile', fixture.node.networkService),
    ...change,
  });

  afterEach('the daemon holds what it held before, and serves', async () => {
    await atRest.again();
    await expectServed(honest, fixture.token());
  });

  for (const [what, forgery, policy] of forgeries) {
    it(`whose token ${what} are denied Request and Close: ${policy}`, async () => {
      await using hostile = peer((audience) => forgeToken(identity, audience, forgery));
      await withoutTrace(fixture.node, [honest], async () => {
        for (const attempt of [hostile.request(connection(), noop), hostile.close(connection())]) {
          expect(await refusal('PERMISSION_DENIED', attempt)).to.include(policy);
        }
      });
    });
  }

  it('whose token another has signed again are denied', async () => {
    const other = await fixture.node.issue('/client/other');
    await using hostile = peer((audience) => forgeToken(other, audience, { claims: { sub: identity.spiffeId } }));
    expect(await refusal('PERMISSION_DENIED', hostile.request(connection(), noop))).to.include('prev_token_signed');
  });

  it('whose path names a client whose token was meant for somebody else are denied, and so are those with no token there', async () => {
    const victim = await fixture.node.issue('/client/victim');
    const stolen = forgeToken(victim, anybody);
    await using hostile = peer();
    for (const token of [stolen, '', 'eyJ']) {
      const segments = [
        { name: 'victim', id: 'v', token, expires: undefined, metrics: {} },
        { name: 'hostile', id: 'hostile-0', token: '', expires: undefined, metrics: {} },
      ];
      const behind = connection({ path: { index: 1, pathSegments: segments } });
      expect(await refusal('PERMISSION_DENIED', hostile.request(behind, noop))).to.include('common/');
    }
  });

  it('of another trust domain get no connection, whatever name they bear', async () => {
    const elsewhere = await CertificateAuthority.create('elsewhere');
    const impostors = await CertificateAuthority.create('simulated.node');
    const from = fixture.node.daemon.lines.length;
    for (const foreign of [await elsewhere.issue('/client/x'), await impostors.issue('/client/workload')]) {
      const material = { ...foreign, bundles: identity.bundles };
      await using hostile = peer(undefined, material);
      const outcome = await hostile.request(connection(), noop).then(
        () => 'served',
        () => 'refused',
      );
      expect(outcome).to.equal('refused');
    }
    const refused = (lines: readonly string[]) => lines.slice(from).filter((it) => it.includes('connection refused:'));
    await fixture.node.daemon.until((lines) => refused(lines).length >= 2, inTime());
  });

  for (const index of [1, 7, 2 ** 31, 2 ** 32 - 1]) {
    it(`whose path index is ${index} of one segment are refused`, async () => {
      await using hostile = peer();
      const segments = connection().path?.pathSegments ?? [];
      const beyond = connection({ path: { index, pathSegments: segments } });
      expect(await refusal('INVALID_ARGUMENT', hostile.request(beyond, noop))).to.include(`path index ${index}`);
      expect(await refusal('INVALID_ARGUMENT', hostile.close(beyond))).to.include(`path index ${index}`);
    });
  }

  it('whose path has a thousand segments are refused', async () => {
    await using hostile = peer();
    const [segment] = connection().path?.pathSegments ?? [];
    const pathSegments = Array.from({ length: 1000 }, () => ({ ...segment })) as never;
    const long = connection({ path: { index: 0, pathSegments } });
    expect(await refusal('INVALID_ARGUMENT', hostile.request(long, noop))).to.include('1000 segments');
  });

  it('that send 10 MB of labels, context or preferences are refused before anything is read', async () => {
    await using hostile = peer();
    const labels = { long: 'x'.repeat(10_000_000) };
    const attempts: (() => Promise<unknown>)[] = [
      () => hostile.request(connection({ labels }), noop),
      () => hostile.request(connection({ context: { ...emptyContext, extraContext: labels } }), noop),
      () => hostile.request(connection(), [{ cls: 'LOCAL', type: 'NOOP', parameters: labels }]),
      () => hostile.close(connection({ labels })),
      () => hostile.monitor({ pathSegments: [], networkServices: [labels.long] }),
    ];
    for (const attempt of attempts)
      expect(await refusal('RESOURCE_EXHAUSTED', attempt())).to.include('larger than max');
  });

  it('that make the daemon complain of 900 kB of text get its answer all the same, and the log a short line', async () => {
    await using hostile = peer();
    const { daemon } = fixture.node;
    const from = daemon.lines.length;
    const text = 'x'.repeat(900_000);
    expect(await refusal('INVALID_ARGUMENT', hostile.request(connection({ id: text }), noop))).to.have.length.below(
      5000,
    );
    await refusal('NOT_FOUND', hostile.request(connection({ networkService: text }), noop));
    await daemon.logged('Request failed', inTime(), from);
    expect(Math.max(...daemon.lines.slice(from).map(({ length }) => length))).to.be.below(25_000);
  });

  it('that open 2,000 connections and say nothing are dropped in the end, and others served meanwhile', async () => {
    const sockets = await openSilently(socketPath(), 2000);
    const durations = new Durations();
    for (let n = 0; n < 10; n += 1) {
      const begin = performance.now();
      await expectServed(honest, fixture.token());
      durations.add(performance.now() - begin);
    }
    const { descriptors } = fixture.node.daemon.usage();
    expect(descriptors.length).to.be.below(atRest.descriptors + 600);
    console.log(`      beside 2,000 silent connections: Request and Close ${durations}`);
    for (const socket of sockets) socket.destroy();
  });

  it('that pass 64 descriptors nobody asked for, again and again, cost as many while they are there', async () => {
    const files = Array.from({ length: 256 }, (_, n) => join(fixture.node.folder, `unasked-${n}`));
    await Promise.all(files.map((file) => writeFile(file, '')));
    await using hostile = peer();
    for (let round = 0; round < 4; round += 1) {
      await hostile.use(async (channel) => {
        for (const file of files.slice(64 * round, 64 * (round + 1))) channel.sendFile(file);
      });
      await refusal('NOT_FOUND', hostile.request(connection({ networkService: `none-${round}` }), noop));
    }
    const passed = fixture.node.daemon.usage().descriptors.filter((target) => target.includes('unasked'));
    expect(passed).to.have.lengthOf(64);
    await expectServed(honest, fixture.token());
  });

  it('leave no token in the log', () => {
    expect(fixture.node.daemon.lines.filter((line) => line.includes('eyJ'))).to.deep.equal([]);
  });
});

/** Connections of which the kernel says that they are there, and which say nothing. */
async function openSilently(path: string, count: number): Promise<Socket[]> {
  const clock = new SystemClock();
  const sockets: Socket[] = [];
  while (sockets.length < count) {
    const batch = Array.from({ length: 100 }, () => dial(path));
    await Promise.all(
      batch.map(
        (socket) => new Promise<void>((resolve) => socket.on('error', () => resolve()).once('connect', resolve)),
      ),
    );
    for (const socket of batch) sockets.push(socket.resume());
    await clock.sleep(1);
  }
  return sockets;
}
