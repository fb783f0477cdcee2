import { expect } from 'chai';
import fc from 'fast-check';
import type { Connection } from '../../apis/generated/connection.js';
import { segment } from '../../src/forwarder/chain/path.js';
import { turnsOf } from '../sim/turn.js';
import { Dealer } from './dealer.js';
import { addresses } from './simulated-endpoint.js';
import { addClient, SimulatedForwarder } from './simulated-forwarder.js';

const clients = ['a', 'b', 'c'];

/** What happens, each by itself: all ask, the second closes again. */
const operations = ['ask a', 'ask b', 'ask c', 'close b'] as const;
type Operation = (typeof operations)[number];

/** A world with three clients and what they can do. Ids do not tell who came first. */
async function createWorld(turn?: (name: string) => Promise<void>) {
  let dealt = false;
  const world = await SimulatedForwarder.create({
    ...(turn !== undefined && { turn: async (name: string) => (dealt ? turn(name) : undefined) }),
  });
  const tokens = world.allocate(clients.length);
  world.endpoint.contextOf = ({ id }) => {
    const n = clients.indexOf(id) + 1;
    return { ipContext: addresses(`10.${n}.0.1/32`, `10.${n}.0.2/32`) };
  };
  const answers = new Map<string, Connection>();
  const clientOf = (id: string) => {
    const token = tokens[clients.indexOf(id)];
    if (token === undefined) throw new Error('no token');
    return { token, namespace: `/sim/ns/${id}` };
  };
  for (const id of clients) addClient(world, `/sim/ns/${id}`);
  const run = async (operation: Operation): Promise<void> => {
    const [what, id = ''] = operation.split(' ');
    const wish = clientOf(id);
    const asked = { caller: world.caller(wish), signal: new AbortController().signal };
    const answer = answers.get(id);
    if (what === 'close' && answer !== undefined) return world.forwarder.close(answer, asked);
    const request = world.firstRequest(`manager-${id}`, wish);
    request.connection?.path?.pathSegments.push({ ...segment('forwarder', id) });
    answers.set(id, await world.forwarder.request(request, asked));
  };
  dealt = true;
  return { world, run };
}

/** What it comes to when one follows the other. */
async function inOrderOf(order: readonly Operation[]): Promise<string> {
  const { world, run } = await createWorld();
  for (const operation of order) await run(operation);
  return sorted(world.state());
}

/** All orders in which b closes after it has asked. */
function ordersOf(left: readonly Operation[]): Operation[][] {
  if (left.length === 0) return [[]];
  return left
    .filter((operation) => operation !== 'close b' || !left.includes('ask b'))
    .flatMap((first) => ordersOf(left.filter((it) => it !== first)).map((rest) => [first, ...rest]));
}

function sorted(state: string): string {
  return state.replace(/^(at the endpoint|held): (.*)$/gm, (_, what, ids: string) => {
    return `${what}: ${ids.split(/, ?/).sort().join(', ')}`;
  });
}

describe('clients that come at the same time', () => {
  it('I19: end as if they had come one after the other, whatever the interleaving', async () => {
    const serial = new Set(await Promise.all(ordersOf(operations).map(inOrderOf)));
    expect(serial.size).to.be.greaterThan(1);
    await fc.assert(
      fc.asyncProperty(fc.scheduler(), async (scheduler) => {
        const { world, run } = await createWorld(turnsOf(scheduler));
        const bothOfB = run('ask b').then(() => run('close b'));
        await new Dealer(scheduler, world.clock).until(Promise.all([run('ask a'), bothOfB, run('ask c')]));
        expect([...serial]).to.include(sorted(world.state()));
      }),
      { numRuns: 100 },
    );
  });
});
