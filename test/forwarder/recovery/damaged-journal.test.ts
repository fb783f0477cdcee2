import { expect } from 'chai';
import fc from 'fast-check';
import { igb, plainDriver } from '../../sim/driver-quirks.js';
import { kindOf } from '../kind-of.js';
import { oneClient } from '../one-client.js';
import { addresses } from '../simulated-endpoint.js';

const policy = { from: '10.0.0.1/32', proto: '6', dstPort: '80', srcPort: '', routes: [] };

/** What nobody can know any more when records are lost. */
function known(state: string): string {
  return state
    .replace(/^ {2}(?:eth\d|vf\d+) of (0000:01:10\.\d) [0-9a-f:]+ mtu \d+/gm, '  the netdev of $1')
    .replace(/^namespace \/sim\/ns\/client\n(?: {2}.*\n)*/m, '')
    .replace(/^at the endpoint: .*$/m, '');
}

/** An established connection, and a successor that finds only some of its records. */
async function losing(isLost: (key: string, n: number) => boolean, quirks = plainDriver) {
  const one = await oneClient({ pf: { quirks } });
  const { world, wish } = one;
  world.endpoint.context = {
    MTU: 1400,
    ethernetContext: { srcMac: '02:00:00:00:00:01', dstMac: '', vlanTag: 100 },
    ipContext: addresses('10.0.0.1/32', '10.0.0.2/32', { policies: [policy] }),
  };
  const answer = await world.connect(wish);
  const keys = [...world.node.journal.records().keys()];
  world.node.journal.note(keys.filter(isLost).map((key) => ({ key })));
  world.node.crash();
  await world.restart({ recordsComplete: false, auditMs: 10_000 });
  return { ...one, answer, keys };
}

/** The client may ask again, then its pod ends: in the end every VF is free and clean, or named as kept back. */
async function expectNothingLost(one: Awaited<ReturnType<typeof losing>>, heals: boolean): Promise<void> {
  const { world, wish, answer, untouched } = one;
  const free = world.pool.functions().filter(({ use }) => use.kind === 'free');
  for (const { address } of free) expect(world.node.snapshot()).not.to.match(new RegExp(`nsm-1 of ${address}`));
  if (heals && (await kindOf(world.refresh(answer, wish))) === 'ok') {
    await kindOf(world.close(answer, wish)); // the way home may be lost: then it waits for the end of the pod
  }
  world.node.killNamespace('/sim/ns/client');
  await world.node.settled();
  await world.clock.advance(900_000);
  await world.node.settled();
  await world.clock.advance(200_000);
  expect(known(world.state())).to.equal(known(untouched));
}

describe('a journal of which something is lost', () => {
  for (const quirks of [plainDriver, igb]) {
    it(`any one record: no VF is given out dirty, none is lost (${quirks === igb ? 'igb' : 'plain driver'})`, async () => {
      const { keys } = await losing(() => false, quirks);
      for (const lost of keys) {
        for (const heals of [true, false]) await expectNothingLost(await losing((key) => key === lost, quirks), heals);
      }
    });
  }

  it('any records: no VF is given out dirty, none is lost', async function () {
    this.timeout(30_000);
    const property = fc.asyncProperty(
      fc.array(fc.boolean(), { minLength: 12, maxLength: 12 }),
      fc.boolean(),
      async (lost, heals) => {
        await expectNothingLost(await losing((_, n) => lost[n % lost.length] === true), heals);
      },
    );
    await fc.assert(property, { numRuns: 40 });
  });
});
