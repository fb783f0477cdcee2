import { createServer } from 'node:net';
import { expect } from 'chai';
import { ProfileServer } from '../../src/profiling/profile-server.js';
import { realClock } from '../sim/real-clock.js';
import { keptLog } from '../transport/support/kept-log.js';
import { until } from '../transport/support/until.js';

/** So much faster is the clock of what takes time here. */
const speed = 100;

describe('profiles over HTTP', () => {
  let server: ProfileServer;

  beforeEach(async () => {
    const listenOn = { host: '127.0.0.1', port: 0 };
    server = await ProfileServer.start({ listenOn, clock: realClock(speed), log: keptLog() });
  });

  afterEach(() => server[Symbol.asyncDispose]());

  function get(path: string, init?: RequestInit): Promise<Response> {
    return fetch(`http://127.0.0.1:${server.port}/debug/pprof/${path}`, init);
  }

  it('say what there is', async () => {
    expect(await (await get('')).text()).to.include('/debug/pprof/profile');
    expect(await (await get('cmdline')).text()).to.include(process.argv[0]);
  });

  it("O1: show where the processor's time goes, for as long as is asked, also beyond ten seconds", async () => {
    const taken = get('profile?seconds=11');
    const answer = await taken;
    expect(answer.headers.get('content-disposition')).to.include('.cpuprofile');
    const profile = (await answer.json()) as { nodes: unknown[]; startTime: number; endTime: number };
    expect(profile.nodes.length).to.be.above(0);
    expect((profile.endTime - profile.startTime) / 1000).to.be.at.least(11_000 / speed - 1);
  });

  it('show what is allocated', async () => {
    const profile = (await (await get('allocs?seconds=1')).json()) as { head: { children: unknown[] } };
    expect(profile.head.children).to.be.an('array');
  });

  it('show every object, to who reads on', async () => {
    const body = (await get('heap')).body?.getReader();
    const start = await body?.read();
    expect(Buffer.from(start?.value ?? []).toString()).to.match(/^\{"snapshot":/);
    await body?.cancel();
  }).timeout(30_000);

  for (const seconds of ['0', '-1', 'nonsense', '', '3601', 'Infinity']) {
    it(`refuse a length of ${JSON.stringify(seconds)} seconds with the rule`, async () => {
      const answer = await get(`profile?seconds=${seconds}`);
      expect(answer.status).to.equal(400);
      expect(await answer.text()).to.include('must be a number above 0, at most 3600');
    });
  }

  it('are taken one of a kind at a time, and the next one can be taken when its caller has left', async () => {
    const leaving = new AbortController();
    const first = get('profile?seconds=3600', { signal: leaving.signal }).catch(() => undefined);
    let second = await get('profile?seconds=0.001');
    while (second.status === 200) second = await get('profile?seconds=0.001');
    expect(second.status).to.equal(429);
    leaving.abort();
    await first;
    while (second.status === 429) second = await get('profile?seconds=0.001');
    expect(second.status).to.equal(200);
  });

  it('serve nothing else', async () => {
    expect((await get('nothing')).status).to.equal(404);
    expect((await get('heap', { method: 'POST' })).status).to.equal(405);
  });

  it('O1: end at once with the process, whatever is being taken', async () => {
    const asked = get('profile?seconds=3600').catch((error: unknown) => error);
    let other = await get('profile?seconds=0.001');
    while (other.status === 200) other = await get('profile?seconds=0.001');
    await server[Symbol.asyncDispose]();
    expect(await asked).to.be.instanceOf(Error);
    await until(() => server.port === 0);
    server = await ProfileServer.start({
      listenOn: { host: '127.0.0.1', port: 0 },
      clock: realClock(speed),
      log: keptLog(),
    });
  });

  it('say that somebody else listens there', async () => {
    const other = createServer().listen(0, '127.0.0.1');
    await new Promise((resolve) => other.once('listening', resolve));
    const address = other.address();
    const port = typeof address === 'object' && address !== null ? address.port : 0;
    const starting = ProfileServer.start({
      listenOn: { host: '127.0.0.1', port },
      clock: realClock(),
      log: keptLog(),
    });
    expect(String(await starting.catch((error: unknown) => error))).to.include('EADDRINUSE');
    other.close();
  });
});
