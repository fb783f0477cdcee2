import { expect } from 'chai';
import { Cleanup } from '../../simulation/cleanup.js';
import type { SeenNamespace } from '../../simulation/network/look.js';
import type { GoClient, LoadResult } from './go-client.js';
import { GoNode, requireGoPeers } from './go-node.js';
import { memoryDuring, steadyDescriptors } from './steady-usage.js';

/** Pairs of Request and Close, in two halves that are compared. */
const pairs = 200;

/**
 * Before the first half: code is compiled, and pools are filled, by as many clients as will ever come at once: what is kept
 * for the next use (two idle netlink sockets a namespace) would otherwise count as left behind when two happen to meet.
 */
const warmUp = { pairs: 48, atOnce: 16 };

/**
 * MiB by which the daemon's resident memory may grow from one half to the next. Where garbage stands at a moment moves it by a
 * few; a pair that left 100 KiB behind would move it by 10.
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

      const first = await memoryDuring(daemon, () => load(atOnce, pairs / 2));
      const second = await memoryDuring(daemon, () => load(atOnce, pairs / 2));

      expect([first, second].map(({ result }) => [result.failures, result.firstError])).to.deep.equal([
        [0, undefined],
        [0, undefined],
      ]);
      const descriptors = await steadyDescriptors(daemon, ending.signal);
      expect(descriptors.length, descriptors.join('\n')).to.be.at.most(descriptorsBefore.length);
      expect(second.memory - first.memory).to.be.below(memoryTolerance);
      expect(await goNode.home(ending.signal)).to.deep.equal(home);
      report(who, [first, second]);
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

function report(who: string, halves: readonly { readonly memory: number; readonly result: LoadResult }[]): void {
  for (const { memory, result } of halves) {
    const { seconds, request, close } = result;
    console.log(
      `      ${who}: ${(result.pairs / seconds).toFixed(1)} pairs/s, Request ${request.p50} / ${request.p99} ms, ` +
        `Close ${close.p50} / ${close.p99} ms (p50 / p99), resident ${memory.toFixed(0)} MiB`,
    );
  }
}
