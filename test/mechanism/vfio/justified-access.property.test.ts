import { expect } from 'chai';
import fc from 'fast-check';
import type { DeviceNumber } from '../../../src/ports/device-access.js';
import type { PodUid } from '../../../src/ports/pod-cgroup.js';
import { Dealer } from '../../forwarder/dealer.js';
import { turnsOf } from '../../sim/turn.js';
import { DeviceBench, otherPodUid, ProcessEnded, podUid } from './device-bench.js';

/** Something that happens to a connection or to its pod, while the same goes on with the others. */
type Happening = 'deliver' | 'close' | 'keep' | 'restart' | 'update' | 'start';

const ours: readonly Happening[] = ['deliver', 'deliver', 'close'];
const all: readonly Happening[] = [...ours, 'keep', 'restart', 'update', 'start'];
const lives = (of: readonly Happening[]) =>
  fc.tuple(...[0, 1, 2].map(() => fc.array(fc.constantFrom(...of), { maxLength: 4 })));

/**
 * What happens until everybody rests, and after how many calls the process crashes, if it lives that long. Where nobody
 * else meddles, access has to be right without a look afterwards.
 */
interface Round {
  readonly lives: readonly (readonly Happening[])[];
  readonly crash?: number;
  readonly quiet: boolean;
}

const round: fc.Arbitrary<Round> = fc.oneof(
  fc.record({ lives: lives(ours), quiet: fc.constant(true) }),
  fc.record({ lives: lives(all), quiet: fc.constant(false) }),
  fc.record({ lives: lives(all), quiet: fc.constant(false), crash: fc.integer({ min: 1, max: 120 }) }),
);

const usual: DeviceNumber = { major: 10, minor: 196 };

interface Client {
  readonly name: string;
  readonly n: number;
  readonly pod: PodUid;
  /** Its node, while it is connected. */
  device?: DeviceNumber | undefined;
}

/** Connections of two pods over one node; the first two are of the same pod. */
class World {
  readonly bench: DeviceBench;
  readonly clients: readonly Client[] = [podUid, podUid, otherPodUid].map((pod, n) => ({
    name: `client-${n}`,
    n,
    pod,
  }));
  readonly #dealer: Dealer;
  readonly #containers = new Map<PodUid, string[]>([podUid, otherPodUid].map((pod) => [pod, ['main']]));

  constructor(scheduler: fc.Scheduler, options: { cgroups: 1 | 2; iommu: 'isolated' | 'vfs-together' }) {
    const turn = turnsOf(scheduler);
    this.bench = new DeviceBench({
      cgroups: options.cgroups,
      pf: { iommu: options.iommu },
      turn,
      until: (work) => work,
    });
    this.bench.node.pods.add(otherPodUid);
    this.#dealer = new Dealer(scheduler, this.bench.clock);
  }

  async go({ lives: each, crash, quiet }: Round): Promise<void> {
    const { faults } = this.bench.node;
    faults.restart();
    if (crash !== undefined) faults.failAt(crash, 'crash-after');
    const living = Promise.allSettled(this.clients.map((client) => this.#live(client, each[client.n] ?? [])));
    for (const outcome of await this.#dealer.until(living)) {
      if (outcome.status === 'rejected' && !(outcome.reason instanceof ProcessEnded)) throw outcome.reason;
    }
    faults.restart();
    if (crash !== undefined) await this.#dealer.until(this.#takeOver());
    if (!quiet) await this.#dealer.until(this.bench.audit());
    if (this.bench.owed.length > 0)
      throw new Error(this.bench.owed.map(({ entry, failure }) => `${entry.kind}: ${failure?.message}`).join());
  }

  async closeAll(): Promise<void> {
    for (const client of this.clients) await this.#dealer.until(this.#close(client));
  }

  /** Invariants 17 and 18 of the pools' state machine: access is what live connections justify, no more and no less. */
  expectJustified(): void {
    const devices = [usual, ...this.clients.flatMap(({ device }) => device ?? [])];
    for (const [pod, containers] of this.#containers) {
      const live = this.clients.filter((it) => it.pod === pod && it.device !== undefined);
      const needed = new Set(live.flatMap(({ device }) => [usual, device]).map((it) => it?.minor));
      for (const { minor, major } of devices) {
        const able = containers.filter((name) => this.bench.node.pods.mayOpen(pod, name, { major, minor }));
        expect(able, `${major}:${minor} of ${pod}`).to.deep.equal(needed.has(minor) ? containers : []);
      }
    }
  }

  async #live(client: Client, happenings: readonly Happening[]): Promise<void> {
    for (const it of happenings) {
      await this.#happen(client, it).catch((error: unknown) => {
        if (error instanceof ProcessEnded) throw error;
        expect(error).to.have.property('name', 'ForwarderError');
      });
    }
  }

  /** What the process that takes over does: it ends what was never established or was being ended. */
  async #takeOver(): Promise<void> {
    this.bench.restart();
    for (const client of this.clients) {
      if (client.device === undefined) await this.#close(client).catch(() => undefined);
    }
  }

  async #happen(client: Client, it: Happening): Promise<void> {
    const { pods } = this.bench.node;
    const { pod } = client;
    switch (it) {
      case 'deliver':
        await this.#deliver(client);
        break;
      case 'close':
        await this.#close(client);
        break;
      case 'keep':
        await this.bench.keep(client.name);
        break;
      case 'restart':
        pods.restartContainer(pod, 'main');
        break;
      case 'update':
        pods.updateContainer(pod, 'main');
        break;
      case 'start':
        this.#start(client);
    }
  }

  /** One more container of the pod. */
  #start({ pod, name }: Client): void {
    const containers = this.#containers.get(pod) ?? [];
    if (containers.includes(name)) return;
    this.bench.node.pods.startContainer(pod, name);
    containers.push(name);
  }

  async #deliver(client: Client): Promise<void> {
    if (client.device !== undefined) return;
    const plan = this.bench.plan(client.n, { client: { pod: client.pod, below: '' } });
    client.device = (await this.bench.deliver(plan, client.name)).device;
  }

  async #close(client: Client): Promise<void> {
    client.device = undefined;
    await this.bench.close(client.name);
  }
}

describe('invariants 17, 18: after any interleaving of requests, closes, runtime updates, container restarts and crashes', () => {
  for (const cgroups of [1, 2] as const) {
    for (const iommu of ['isolated', 'vfs-together'] as const) {
      it(`device access is exactly what live connections justify (cgroup v${cgroups}, VFs ${iommu})`, async () => {
        const property = async (scheduler: fc.Scheduler, rounds: readonly Round[]) => {
          const world = new World(scheduler, { cgroups, iommu });
          for (const it of rounds) {
            await world.go(it);
            world.expectJustified();
          }
          await world.closeAll();
          world.expectJustified();
          expect([world.bench.world.grants.size, world.bench.node.journal.records().size]).to.deep.equal([0, 0]);
          expect(world.bench.node.snapshot()).to.not.include('may use').and.to.not.include('vfio-pci');
        };
        const rounds = fc.array(round, { minLength: 1, maxLength: 3 });
        await fc.assert(fc.asyncProperty(fc.scheduler(), rounds, property), { numRuns: 60 });
      }).timeout(60_000);
    }
  }
});
