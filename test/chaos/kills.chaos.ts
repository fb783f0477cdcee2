import { writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { Cleanup } from '../../simulation/cleanup.js';
import { isInstalled } from '../../simulation/ping.js';
import { inTime, useNode } from '../e2e/support/node-fixture.js';
import { skipBecause } from '../skip-because.js';
import type { TwoNamed } from './books.js';
import { Crowd } from './crowd.js';
import { KillRun, patient } from './kill-run.js';
import { atTheEnd } from './last-words.js';
import { Random, seedOfThisRun } from './random.js';
import { RestlessClient } from './restless-client.js';
import { SteadyPing } from './steady-ping.js';

const long = process.env['CHAOS'] === 'long';
const kills = long ? 300 : 12;
/** How many kills from one look into all books to the next. */
const between = long ? 15 : 6;
const seed = seedOfThisRun();

/** The second card's VFs are reset after each use: their driver is unbound and bound again. */
const cards = [
  { address: '0000:01:00.0', totalVfs: 32, vfs: 20, capabilities: ['10G', 'intel'] },
  { address: '0000:02:00.0', totalVfs: 8, vfs: 8, capabilities: ['25G', 'spare25'], resetMethods: 'flr' },
] as const;
const pfs: readonly TwoNamed[] = cards.map(({ address, vfs, capabilities: [, second] }) => {
  return { address, vfs, second: `simulated.node/${second}` };
});
/** By card: clients that come and go, and clients that have a VF all the time. */
const restless = [12, 4];
const faithful = [3, 1];

describe('the daemon, killed again and again while 16 clients ask, refresh and close', () => {
  const fixture = useNode({ physicalFunctions: cards });
  const random = new Random(seed);
  let pods = 0;

  async function clientOf(card: (typeof cards)[number], isFaithful: boolean): Promise<RestlessClient> {
    pods += 1;
    const [token = ''] = await fixture.node.admitPod(`chaos-${pods}`, [`simulated.node/${card.capabilities[0]}`]);
    const pauseMs = isFaithful ? 2_000 : 50;
    const client = await fixture.client();
    return new RestlessClient({ client, token, random: random.fork(), pauseMs, faithful: isFaithful });
  }

  async function crowdOf(counts: readonly number[], isFaithful: boolean): Promise<Crowd> {
    const members: RestlessClient[] = [];
    for (const [i, card] of cards.entries()) {
      for (let n = counts[i] ?? 0; n > 0; n -= 1) members.push(await clientOf(card, isFaithful));
    }
    return new Crowd(members);
  }

  /** Pings the other end of the client's wire. */
  async function pingFrom({ client, vf = '' }: RestlessClient): Promise<SteadyPing> {
    const { srcIpAddrs: peers = [], dstIpAddrs: own = [] } = client.connection?.context?.ipContext ?? {};
    await fixture.node.hardware.connectFarEnd(vf, { own, peers }, inTime());
    const ping = new SteadyPing(client.namespace, own[0]?.split('/')[0] ?? '');
    await ping.answered(inTime());
    return ping;
  }

  let run: KillRun | undefined;
  afterEach(async function () {
    if (this.currentTest?.state !== 'failed') return;
    const file = join(tmpdir(), `chaos-${seed}.log`);
    await writeFile(file, run?.story() ?? '');
    console.log(`what the last daemons have logged, and what clients were doing: ${file}`);
  });

  it(`loses no VF and no packet in ${kills} kills (seed ${seed}), and nothing is left when all have closed`, async function () {
    if (!isInstalled('ping')) skipBecause(this, 'needs ping (Debian package iputils-ping)');
    this.timeout(kills * 20_000);
    using comers = await crowdOf(restless, false);
    using stayers = await crowdOf(faithful, true);
    run = new KillRun({ node: fixture.node, pfs, restless: comers, faithful: stayers, random });
    await run.remember();
    for (const stayer of stayers.members) await stayer.request(patient());
    await using cleanup = new Cleanup();
    const pings = await Promise.all(stayers.members.map(async (it) => cleanup.use(await pingFrom(it))));
    while (run.lives.kills < kills) await run.round(Math.min(kills, run.lives.kills + between));
    const echoes = await Promise.all(pings.map((ping) => ping.stop()));
    await run.end();
    tell(
      run,
      comers,
      echoes.reduce((sum, { answered }) => sum + answered, 0),
    );
    for (const { lost } of echoes) expect(lost, 'echo requests that were not answered').to.deep.equal([]);
  });
});

function tell({ lives }: KillRun, comers: Crowd, answers: number): void {
  const { starts, killsBeforeServing, killedHelpers } = lives;
  atTheEnd(
    `${lives.kills} kills (${killsBeforeServing} of them during a start), ${killedHelpers} write helpers killed, ` +
      `${comers.served} calls served, ${answers} of as many echo requests answered; seed CHAOS_SEED=${seed}`,
  );
  atTheEnd(`from the start of the process to serving: ${starts}`);
  for (const [text, count] of comers.refusals()) atTheEnd(`refused ${count} times: ${text}`);
}
