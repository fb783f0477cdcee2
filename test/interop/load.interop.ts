import { expect } from 'chai';
import { Cleanup } from '../../simulation/cleanup.js';
import type { SeenNamespace } from '../../simulation/network/look.js';
import type { GoClient, LoadResult } from './go-client.js';
import { GoNode, requireGoPeers } from './go-node.js';
import { memoryDuring, steadyDescriptors } from './steady-usage.js';

/** Pairs of Request and Close, in windows that are compared with each other. */
const pairs = 200;
const pairsOfWindow = 100;

/** So many windows at most, until memory has come to rest: a heap grows for a while before it is first swept thoroughly. */
const mostWindows = 8;

/**
 * Before the first half: code is compiled, and pools are filled, by as many clients as will ever come at once: what is kept
 * for the next use (two idle netlink sockets a namespace) would otherwise count as left behind when two happen to meet.
 */
const warmUp = { pairs: 48, atOnce: 16 };

/**
 * MiB by which the daemon's resident memory may grow from one window to the next when it is at rest. Where garbage stands
 * at a moment moves it by a few; pairs that left 100 KiB behind would move it by 10 each time.
 */
const memoryTolerance = 8;

describe('many connections of Go clients', function () {
  this.timeout(120_000);
  const ending = new AbortController();
  const cleanup = new Cleanup();
  let goNode: GoNode;
  let clients: GoClient;
  let tokens: readonly string[];
  let home: SeenNamespace;

  before(async function () {
    requireGoPeers(this);
    goNode = cleanup.use(await GoNode.start(ending.signal));
    clients = cleanup.use(await goNode.client());
    tokens = await goNode.tokens(16);
    home = await goNode.home(ending.signal);
  });

  after(async () => {
    ending.abort();
    await cleanup[Symbol.asyncDispose]();
  });

  function load(atOnce: number, count: number): Promise<LoadResult> {
    const { networkService: service, macs } = goNode;
    return clients.load({ service, tokens: tokens.slice(0, atOnce), pairs: count, macs });
  }

  for (const atOnce of [1, 16]) {
    const who = atOnce === 1 ? 'one client' : `${atOnce} clients at once`;

    it(`L7: ${pairs} connections by ${who}: none fails, no memory or descriptor stays, all VFs come home`, async () => {
      const { daemon } = goNode.node;
      expect((await load(warmUp.atOnce, warmUp.pairs)).firstError).to.equal(undefined);
      const descriptorsBefore = await steadyDescriptors(daemon, ending.signal);

      const windows: Window[] = [];
      do {
        windows.push(await memoryDuring(daemon, () => load(atOnce, pairsOfWindow)));
      } while (windows.length < mostWindows && !isAtRest(windows));

      expect(windows.flatMap(({ result }) => result.firstError ?? [])).to.deep.equal([]);
      expect(windows.reduce((sum, { result }) => sum + result.failures, 0)).to.equal(0);
      const descriptors = await steadyDescriptors(daemon, ending.signal);
      expect(descriptors.length, descriptors.join('\n')).to.be.at.most(descriptorsBefore.length);
      expect(isAtRest(windows), `resident MiB: ${windows.map(({ memory }) => memory.toFixed(1)).join(', ')}`).to.equal(
        true,
      );
      expect(await goNode.home(ending.signal)).to.deep.equal(home);
      report(who, windows);
    });
  }

  it('L4: every token serves its pod again after its connections were closed', async () => {
    for (const [i, token] of tokens.entries()) {
      const client = `again-${i}`;
      await clients.request({ client, service: goNode.networkService, token, interface: 'nsm-2' });
      expect(await clients.close(client)).to.deep.equal([]);
    }
    expect(await goNode.home(ending.signal)).to.deep.equal(home);
  });
});

interface Window {
  /** Median of resident memory, MiB. */
  readonly memory: number;
  readonly result: LoadResult;
}

/** All wanted pairs were made, and the last window needed no more memory than the one before. */
function isAtRest(windows: readonly Window[]): boolean {
  const [before, last] = windows.slice(-2);
  if (before === undefined || last === undefined || windows.length * pairsOfWindow < pairs) return false;
  return last.memory - before.memory < memoryTolerance;
}

function report(who: string, windows: readonly Window[]): void {
  for (const { memory, result } of windows) {
    const { seconds, request, close } = result;
    console.log(
      `      ${who}: ${(result.pairs / seconds).toFixed(1)} pairs/s, Request ${request.p50} / ${request.p99} ms, ` +
        `Close ${close.p50} / ${close.p99} ms (p50 / p99), resident ${memory.toFixed(0)} MiB`,
    );
  }
}
