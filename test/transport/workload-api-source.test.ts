import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { expect } from 'chai';
import { CertificateAuthority } from '../../simulation/certificate-authority.js';
import { WorkloadApi } from '../../simulation/workload-api.js';
import { ForwarderError } from '../../src/ports/error.js';
import type { X509Material } from '../../src/ports/identity.js';
import { WorkloadApiSource } from '../../src/transport/workload-api-source.js';
import { realClock } from '../sim/real-clock.js';
import { noMoreThan, openDescriptors } from './support/descriptors.js';
import { type KeptLog, keptLog } from './support/kept-log.js';
import { never } from './support/node-pair.js';
import { until } from './support/until.js';

describe('WorkloadApiSource', () => {
  let directory: string;
  let address: string;
  let authority: CertificateAuthority;
  let ending: AbortController;
  let log: KeptLog;
  let opened: string[];

  before(async () => {
    authority = await CertificateAuthority.create('nodes.test');
  });
  beforeEach(() => {
    opened = openDescriptors();
    directory = mkdtempSync(`${tmpdir()}/workload-`);
    address = `unix://${directory}/agent.sock`;
    ending = new AbortController();
    log = keptLog();
  });
  afterEach(async () => {
    ending.abort();
    rmSync(directory, { recursive: true });
    await noMoreThan(opened);
  });

  function source(at = address): WorkloadApiSource {
    return new WorkloadApiSource({ address: at, clock: realClock(100), log, signal: ending.signal });
  }

  it('gives the first SVID with the bundles of its own and of federated domains', async () => {
    const friends = await CertificateAuthority.create('friends.test');
    const material = await authority.issue('/forwarder', { federated: [friends] });
    await using _api = await WorkloadApi.start(address, material);
    const got = await source().ready(never);
    expect(got.spiffeId).to.equal('spiffe://nodes.test/forwarder');
    expect(got.notAfter).to.equal(material.notAfter);
    expect([...got.bundles.keys()].sort()).to.deep.equal(['friends.test', 'nodes.test']);
    expect(got.certificates.map(hex)).to.deep.equal(material.certificates.map(hex));
  });

  it('waits for an agent that is not there yet, and says what it waits for', async () => {
    const waiting = source();
    const ready = waiting.ready(never);
    await until(() => log.lines.some((line) => line.includes('next attempt in 2 s')));
    expect(waiting.current()).to.equal(undefined);
    expect(log.lines[0]).to.equal(`waiting for the first X.509 SVID from the SPIFFE workload API at ${address}`);
    await using _api = await WorkloadApi.start(address, await authority.issue('/late'));
    expect((await ready).spiffeId).to.equal('spiffe://nodes.test/late');
  });

  it('asks again while the agent has no entry for it', async () => {
    await using api = await WorkloadApi.start(address);
    const ready = source().ready(never);
    await until(() => api.requests > 2);
    api.rotate(await authority.issue('/entered'));
    expect((await ready).spiffeId).to.equal('spiffe://nodes.test/entered');
    expect(log.lines.some((line) => line.includes('no identity issued'))).to.equal(true);
  });

  it('tells its listeners of every rotation, also after the agent restarted', async () => {
    await using api = await WorkloadApi.start(address, await authority.issue('/one'));
    const following = source();
    await following.ready(never);
    const seen: string[] = [];
    using _listening = following.onChange((material: X509Material) => seen.push(material.spiffeId));
    api.rotate(await authority.issue('/two'));
    await until(() => seen.length === 1);
    await api.stop();
    await until(() => log.lines.some((line) => line.includes('no longer renewed')));
    expect(following.current()?.spiffeId).to.equal('spiffe://nodes.test/two');
    api.rotate(await authority.issue('/three'));
    await api.start();
    await until(() => seen.length === 2);
    expect(seen).to.deep.equal(['spiffe://nodes.test/two', 'spiffe://nodes.test/three']);
  });

  it('keeps the last good SVID when the agent sends rubbish', async () => {
    const good = await authority.issue('/good');
    await using api = await WorkloadApi.start(address, good);
    const following = source();
    await following.ready(never);
    api.rotate({ ...good, privateKey: new Uint8Array([1, 2, 3]) });
    await until(() => log.lines.some((line) => line.includes('unusable SVID')));
    expect(following.current()?.spiffeId).to.equal('spiffe://nodes.test/good');
  });

  it('ends with its signal, and fails who waits', async () => {
    const waiting = source()
      .ready(never)
      .catch((error: unknown) => error);
    ending.abort(new ForwarderError('cancelled', 'shutting down'));
    expect(await waiting)
      .to.be.instanceOf(ForwarderError)
      .with.property('message', 'shutting down');
  });

  it('stops waiting when the caller does', async () => {
    const caller = new AbortController();
    const waiting = source()
      .ready(caller.signal)
      .catch((error: unknown) => error);
    caller.abort(new ForwarderError('timed-out', 'too long'));
    expect(await waiting).to.have.property('kind', 'timed-out');
  });

  it('accepts the forms of SPIFFE_ENDPOINT_SOCKET and nothing else', async () => {
    await using _api = await WorkloadApi.start('tcp://127.0.0.1:0', await authority.issue('/tcp'));
    expect((await source(_api.url).ready(never)).spiffeId).to.equal('spiffe://nodes.test/tcp');
    await using _unix = await WorkloadApi.start(address, await authority.issue('/short'));
    const short = source(address.replace('unix://', 'unix:'));
    expect((await short.ready(never)).spiffeId).to.equal('spiffe://nodes.test/short');
    for (const wrong of ['', 'http://agent', 'unix://relative', 'tcp://host', 'tcp://host:99999']) {
      expect(() => source(wrong), wrong)
        .to.throw(ForwarderError)
        .with.property('kind', 'invalid');
    }
  });
});

function hex(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('hex');
}
