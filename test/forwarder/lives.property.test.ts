import { expect } from 'chai';
import fc from 'fast-check';
import type { Connection } from '../../apis/generated/connection.js';
import { igb, plainDriver } from '../sim/driver-quirks.js';
import type { Fault } from '../sim/fault-plan.js';
import type { PfOptions } from '../sim/pci-function.js';
import { turnsOf } from '../sim/turn.js';
import { Dealer } from './dealer.js';
import { changedWish } from './one-client.js';
import { addresses } from './simulated-endpoint.js';
import { addClient, refreshOf, SimulatedForwarder, type Wish } from './simulated-forwarder.js';

/** Something that happens in the life of one client. */
type Happening =
  | { readonly type: 'request' | 'noop' | 'close' | 'die' | 'down' | 'rename' | 'drift' }
  | { readonly type: 'refresh'; readonly answer: number }
  | { readonly type: 'wait'; readonly ms: number };

const happening: fc.Arbitrary<Happening> = fc.oneof(
  { weight: 6, arbitrary: fc.constant({ type: 'request' as const }) },
  { weight: 6, arbitrary: fc.nat(5).map((answer) => ({ type: 'refresh' as const, answer })) },
  { weight: 3, arbitrary: fc.constant({ type: 'close' as const }) },
  {
    weight: 1,
    arbitrary: fc.constantFrom(...(['noop', 'die', 'down', 'rename', 'drift'] as const)).map((type) => ({ type })),
  },
  { weight: 1, arbitrary: fc.constantFrom(1_000, 20_000, 700_000).map((ms) => ({ type: 'wait' as const, ms })) },
);

const clients = ['a', 'b', 'c'] as const;
type ClientName = (typeof clients)[number];

/** What endpoints answer; the last one is malformed. */
function context(client: ClientName, answer: number) {
  const n = clients.indexOf(client) + 1;
  const ipContext = addresses(`10.${n}.0.1/32`, `10.${n}.${answer}.2/32`, {
    policies: answer === 2 ? [{ from: `10.${n}.0.1/32`, proto: '', srcPort: '', dstPort: '', routes: [] }] : [],
  });
  const ethernetContext = answer === 3 ? { srcMac: `02:00:00:00:00:0${n}`, dstMac: '', vlanTag: n } : undefined;
  if (answer === 5) return { ipContext: { ...ipContext, srcIpAddrs: ['nonsense'] } };
  return { MTU: answer === 4 ? 1000 : 0, ipContext, ethernetContext };
}

interface Client {
  readonly name: ClientName;
  readonly path: string;
  readonly wish: Wish;
  answer: Connection | undefined;
  dead: boolean;
}

/** One run: clients that live at the same time over one node. */
class Lives {
  readonly world: SimulatedForwarder;
  readonly dealer: Dealer;
  readonly clients: readonly Client[];
  readonly untouched: string;
  readonly #answers = new Map<string, number>();

  static async create(scheduler: fc.Scheduler, pf: Partial<PfOptions>): Promise<Lives> {
    const turn = turnsOf(scheduler);
    let dealt = false;
    const world = await SimulatedForwarder.create({ pf, turn: async (name) => (dealt ? turn(name) : undefined) });
    dealt = true;
    return new Lives(world, new Dealer(scheduler, world.clock));
  }

  private constructor(world: SimulatedForwarder, dealer: Dealer) {
    this.world = world;
    this.dealer = dealer;
    const tokens = world.allocate(clients.length);
    this.clients = clients.map((name, i) => {
      const path = addClient(world, `/sim/ns/${name}`);
      const token = tokens[i % tokens.length];
      if (token === undefined) throw new Error('no token');
      return { name, path, wish: { token, namespace: path }, answer: undefined, dead: false };
    });
    world.node.faults.restart();
    world.endpoint.contextOf = ({ path }) => {
      const client = this.clients.find(({ name }) => path?.pathSegments[1]?.id === name);
      return context(client?.name ?? 'a', this.#answers.get(client?.name ?? '') ?? 0);
    };
    this.untouched = world.state();
  }

  /** Whatever comes of it is an answer or an orderly error. */
  async live(client: Client, happenings: readonly Happening[]): Promise<void> {
    for (const it of happenings) {
      await this.#happen(client, it).catch((error: unknown) => {
        if (!(error instanceof Error) || error.name !== 'ForwarderError') throw error;
      });
      this.expectOneOwnerEach();
    }
  }

  async #happen(client: Client, it: Happening): Promise<void> {
    const { wish, answer } = client;
    switch (it.type) {
      case 'request':
        if (answer === undefined) client.answer = await this.#ask(client, this.world.firstRequest(client.name, wish));
        break;
      case 'refresh':
        this.#answers.set(client.name, it.answer);
        if (answer !== undefined) client.answer = await this.#ask(client, refreshOf(answer, wish));
        break;
      case 'noop':
        if (answer !== undefined)
          client.answer = await this.#ask(client, changedWish(answer, { ...wish, type: 'NOOP' }));
        break;
      case 'close':
        await this.close(client);
        break;
      case 'wait':
        await this.world.clock.sleep(it.ms);
        break;
      case 'die':
      case 'down':
      case 'rename':
      case 'drift':
        await this.#meddle(client, it.type);
    }
  }

  async close(client: Client): Promise<void> {
    const { answer } = client;
    client.answer = undefined;
    if (answer !== undefined) await this.world.forwarder.close(answer, this.#asked(client));
  }

  /** What others do at once: nobody is asked. */
  async #meddle(client: Client, what: 'die' | 'down' | 'rename' | 'drift'): Promise<void> {
    const { node } = this.world;
    if (client.dead) return;
    if (what === 'die') {
      node.killNamespace(client.path);
      client.dead = true;
    }
    if (!node.snapshot().includes(`namespace ${client.path}\n  nsm-1`) || client.dead) return;
    if (what === 'down') node.others.changeLink(client.path, 'nsm-1', { up: false });
    if (what === 'rename') node.others.changeLink(client.path, 'nsm-1', { name: 'mine' });
    if (what === 'drift') await this.#drift(client.path);
  }

  async #drift(path: string): Promise<void> {
    using namespace = this.world.node.namespaces.open(path);
    using deadline = this.world.clock.deadline('moving it away', 1_000);
    const { signal } = deadline;
    const link = await namespace.links.find({ name: 'nsm-1' }, signal);
    if (link !== undefined) await namespace.links.move(link.index, this.world.node.namespaces.home, 'nsm-1', signal);
  }

  async #ask(client: Client, request: ReturnType<typeof refreshOf>): Promise<Connection> {
    const asked = this.#asked(client);
    using deadline = this.world.clock.deadline("the caller's call", 15_000);
    return await this.world.forwarder.request(request, { ...asked, signal: deadline.signal });
  }

  #asked({ wish }: Client) {
    return { caller: this.world.caller(wish), signal: new AbortController().signal };
  }

  /** Invariant: no VF is with two connections, and none with somebody while it is in quarantine. */
  expectOneOwnerEach(): void {
    for (const { address, use } of this.world.pool.functions()) {
      const owners = use.kind === 'claimed' ? use.owners.length : 0;
      expect(owners, `owners of ${address}`).to.be.at.most(1);
    }
  }

  /** All clients go, and time passes until everything that can happen has happened. */
  async end(): Promise<void> {
    await this.dealer.until(Promise.all(this.clients.map((client) => this.close(client).catch(() => undefined))));
    await this.dealer.pass(1_800_000, 30_000);
    for (const { path, dead } of this.clients) if (!dead) this.world.node.killNamespace(path);
    await this.dealer.drain();
  }
}

const faults = fc.array(
  fc.tuple(fc.integer({ min: 1, max: 150 }), fc.constantFrom<Fault>('before', 'after', 'hang', 'hang-after')),
  { maxLength: 3 },
);

/** Promise rejections that nobody handled while it ran. */
async function unhandledDuring(run: () => Promise<void>): Promise<unknown[]> {
  const unhandled: unknown[] = [];
  const note = (reason: unknown) => unhandled.push(reason);
  process.on('unhandledRejection', note);
  try {
    await run();
    await new Promise((resolve) => setImmediate(resolve));
  } finally {
    process.off('unhandledRejection', note);
  }
  return unhandled;
}

/** Drivers, and what of the node may be otherwise afterwards. */
const drivers: readonly { title: string; pf: Partial<PfOptions>; same: (state: string) => string }[] = [
  {
    title: 'the node is as it was',
    pf: { quirks: plainDriver, driver: 'ice', vfDriver: 'iavf' },
    same: withoutEndpoint,
  },
  {
    // A netdev that is made anew takes the lowest free name, so another VF may come home and find its own taken.
    title: 'the node is as it was but for names that were taken meanwhile (drivers that are bound anew)',
    pf: { quirks: igb },
    same: (state) => withoutEndpoint(state).replace(/^ {2}(?:eth\d|vf00000110\d) (of \S+)(.*)$/gm, '  $1$2'),
  },
];

/** An endpoint that was not told, because its Close was made to fail, forgets by itself. */
function withoutEndpoint(state: string): string {
  return state.replace(/^at the endpoint: .*$/m, '');
}

interface Run {
  readonly scheduler: fc.Scheduler;
  readonly pf: Partial<PfOptions>;
  readonly happenings: readonly (readonly Happening[])[];
  readonly planned: readonly (readonly [number, Fault])[];
}

/** @returns the state before, and after everybody has gone and all that can happen has happened */
async function liveAndEnd({ scheduler, pf, happenings, planned }: Run): Promise<{ before: string; after: string }> {
  const lives = await Lives.create(scheduler, pf);
  const { world, dealer, untouched } = lives;
  for (const [n, fault] of planned) world.node.faults.failAt(n, fault);
  await dealer.until(Promise.all(lives.clients.map((client, i) => lives.live(client, happenings[i] ?? []))));
  world.node.faults.restart();
  await lives.end();
  expect(world.forwarder.quarantined()).to.deep.equal([]);
  expect(world.clock.pending).to.equal(0);
  return { before: untouched.replace(/namespace \/sim\/ns\/.*\n/g, ''), after: world.state() };
}

describe('whatever happens to three clients at once', function () {
  this.timeout(120_000);

  for (const { title, pf, same } of drivers) {
    it(`B21, L3, I19: no VF has two owners, no promise is left alone, and afterwards ${title}`, async () => {
      const run = fc.record({
        scheduler: fc.scheduler(),
        pf: fc.integer({ min: 2, max: 4 }).map((vfs) => ({ ...pf, vfs })),
        happenings: fc.tuple(...clients.map(() => fc.array(happening, { maxLength: 6 }))),
        planned: faults,
      });
      const property = fc.asyncProperty(run, async (it) => {
        const unhandled = await unhandledDuring(async () => {
          const { before, after } = await liveAndEnd(it);
          expect(sorted(same(after))).to.equal(sorted(same(before)));
        });
        expect(unhandled).to.deep.equal([]);
      });
      await fc.assert(property, { numRuns: 60 });
    });
  }
});

/** Lines in order, for states in which names differ and so their places. */
function sorted(state: string): string {
  return state.split('\n').sort().join('\n');
}
