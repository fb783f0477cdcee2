import { expect } from 'chai';
import type { SimulatedClient } from '../../simulation/client.js';
import type { SimulatedNode } from '../../simulation/node.js';
import { SystemClock } from '../../src/clock/system-clock.js';
import { stateOf } from './support/expectations.js';
import { inTime, useNode } from './support/node-fixture.js';

const clients = 16;
const rounds = 3;
/** What V8 may keep of the garbage of one round before it collects, MiB. */
const slack = 40;

describe('many clients at once', () => {
  const fixture = useNode({
    physicalFunctions: [{ address: '0000:01:00.0', totalVfs: 32, vfs: 24, capabilities: ['10G', 'intel'] }],
  });
  let crowd: readonly { readonly client: SimulatedClient; readonly token: string }[] = [];

  async function round(): Promise<void> {
    await Promise.all(
      crowd.map(async ({ client, token }, i) => {
        await client.request({ token, interfaceName: `nsm-${i}` });
        await client.close();
      }),
    );
  }

  before(async function () {
    this.timeout(30_000);
    for (let i = 0; i < clients; i += 1) {
      const [token = ''] = await fixture.node.admitPod(`crowd-${i}`);
      crowd = [...crowd, { client: await fixture.client(), token }];
    }
  });

  it(`are all served, ${clients} at a time for ${rounds} rounds: descriptors and memory stay flat, VFs are home`, async function () {
    this.timeout(30_000);
    const { node } = fixture;
    const before = await stateOf(node, ...crowd.map(({ client }) => client));
    await round();
    const first = await atRest(node);
    const { memory } = node.daemon.usage();
    for (let i = 0; i < rounds; i += 1) await round();
    expect(await atRest(node)).to.deep.equal(first);
    expect(node.daemon.usage().memory).to.be.below(memory + slack);
    expect(await stateOf(node, ...crowd.map(({ client }) => client))).to.deep.equal(before);
    expect(node.endpoint.strayCloses).to.equal(0);
    expect(await node.hardware.homecomers()).to.equal(node.hardware.ports.length);
  });

  it('B30, L7: hold no network namespace once their connections are closed', () => {
    const namespaces = fixture.node.daemon.usage().descriptors.filter((target) => target.startsWith('net:'));
    expect(new Set(namespaces).size).to.equal(1);
  });
});

/**
 * What the daemon holds once it has come to rest: a client's connection is gone for the client a moment before it is for
 * the daemon, so that several looks in a row have to agree.
 */
async function atRest(node: SimulatedNode): Promise<Record<string, number>> {
  const clock = new SystemClock();
  const signal = inTime();
  let seen = kinds(node.daemon.usage().descriptors);
  for (let same = 0; same < 10; same += 1) {
    await clock.sleep(20, signal);
    const now = kinds(node.daemon.usage().descriptors);
    if (JSON.stringify(now) !== JSON.stringify(seen)) same = -1;
    seen = now;
  }
  return seen;
}

/** How many descriptors of each kind: `socket:[123]` is a socket, whichever. */
function kinds(descriptors: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const target of [...descriptors].sort()) {
    const kind = target.replace(/\[\d+\]$/, '');
    counts[kind] = (counts[kind] ?? 0) + 1;
  }
  return counts;
}
