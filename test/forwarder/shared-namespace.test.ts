import { expect } from 'chai';
import { inNamespace, oneClient } from './one-client.js';
import { addresses } from './simulated-endpoint.js';
import type { Wish } from './simulated-forwarder.js';

/** Two connections of one pod, each with a VF and addresses of its own. */
async function twoConnections() {
  const client = await oneClient();
  const { world, tokens } = client;
  const wishes = tokens.slice(0, 2).map((token, i): Wish => ({ token, interfaceName: `nsm-${i + 1}` }));
  world.endpoint.contextOf = ({ path }) => {
    const n = path?.pathSegments[1]?.id === 'U1' ? 1 : 2;
    return {
      ipContext: addresses(`10.0.${n}.1/32`, `10.0.${n}.2/32`, {
        policies: [{ from: `10.0.${n}.1/32`, proto: '', srcPort: '', dstPort: '', routes: [] }],
      }),
    };
  };
  const asked = wishes.map((wish, i) => {
    const signal = new AbortController().signal;
    return world.forwarder.request(world.firstRequest(`U${i + 1}`, wish), { caller: world.caller(wish), signal });
  });
  return { ...client, wishes, answers: await world.clock.advanceUntil(Promise.all(asked)) };
}

describe('two connections in one namespace', () => {
  it('get a routing table each, and the namespace is opened once', async () => {
    const { world } = await twoConnections();
    expect(
      inNamespace(world)
        .match(/rule .*/g)
        ?.sort(),
    ).to.deep.equal(['rule 20001 of IPv4 from 10.0.1.1/32 table 1', 'rule 20002 of IPv4 from 10.0.2.1/32 table 2']);
    expect(world.node.openHandles()).to.equal(1);
  });

  for (const order of [
    [0, 1],
    [1, 0],
  ]) {
    it(`leave the namespace as it was, closed in the order ${order.map((i) => i + 1)}`, async () => {
      const { world, wishes, answers, untouched } = await twoConnections();
      for (const [closed, i] of order.entries()) {
        const [answer, wish] = [answers[i], wishes[i]];
        if (answer === undefined || wish === undefined) throw new Error('no connection');
        expect(inNamespace(world)).to.include('ping_group_range = 0 2147483647');
        await world.close(answer, wish);
        expect(world.node.openHandles()).to.equal(1 - closed);
      }
      expect(world.state()).to.equal(untouched);
    });
  }
});
