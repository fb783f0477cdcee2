import { expect } from 'chai';
import { parseMac } from '../../../src/ports/ip.js';
import { type DriverQuirks, igb, plainDriver } from '../../sim/driver-quirks.js';
import type { Fault } from '../../sim/fault-plan.js';
import { DeviceBench, ProcessEnded } from './device-bench.js';

const allFaults: readonly Fault[] = ['before', 'after', 'hang', 'hang-after', 'crash', 'crash-after'];

interface Scene {
  readonly quirks: DriverQuirks;
  readonly iommu: 'isolated' | 'vfs-together';
  readonly cgroups: 1 | 2;
  readonly faults: readonly Fault[];
}

/** A connection from its first step to its last, with a runtime that sets rules and a container that starts anew. */
async function live(bench: DeviceBench): Promise<void> {
  const plan = bench.plan(0, { mac: parseMac('02:00:00:00:00:01'), vlan: 9 });
  await bench.deliver(plan);
  await bench.deliver(bench.plan(1), 'connection-2');
  bench.node.pods.restartContainer(bench.pod, 'main');
  bench.node.pods.restartContainer(bench.pod, 'side');
  await bench.audit();
  await bench.close();
  await bench.close('connection-2');
}

function begin({ quirks, iommu, cgroups }: Scene): DeviceBench {
  const bench = new DeviceBench({ pf: { quirks, iommu }, cgroups });
  bench.node.pods.startContainer(bench.pod, 'side');
  bench.node.faults.restart();
  return bench;
}

/** The snapshot less the cgroups, whose names are other ones after each start of a container. */
function drivers(snapshot: string): string {
  return snapshot
    .split('\n')
    .filter((line) => !line.startsWith('cgroup '))
    .join('\n');
}

function mayUse(snapshot: string): readonly string[] {
  return snapshot.split('\n').filter((line) => line.includes('may use'));
}

/** Whatever went wrong: everything is taken back in the end, by a successor if need be. */
async function finish(bench: DeviceBench): Promise<void> {
  if (bench.node.ended.aborted || bench.node.crashes > 0) bench.restart();
  for (const connection of ['connection-1', 'connection-2']) await bench.close(connection).catch(() => undefined);
  for (let tries = 0; tries < 4 && bench.owed.length > 0; tries += 1) await bench.retry();
  expect(bench.owed.map(({ entry }) => entry.kind)).to.deep.equal([]);
}

describe('a fault at any call of the life of a device', () => {
  for (const [name, scene] of Object.entries<Scene>({
    'alone in its group, igb, cgroup v2': { quirks: igb, iommu: 'isolated', cgroups: 2, faults: allFaults },
    'with others in its group, cgroup v1': {
      quirks: plainDriver,
      iommu: 'vfs-together',
      cgroups: 1,
      faults: ['after', 'crash'],
    },
  })) {
    for (const fault of scene.faults) {
      it(`(${fault}; ${name}) leaves the node as it was, and nobody with access, in the end`, async () => {
        const reference = begin(scene);
        await live(reference);
        const calls = reference.node.faults.calls.length;
        expect(calls).to.be.greaterThan(60);
        for (let n = 1; n <= calls; n += 1) {
          const bench = begin(scene);
          bench.node.faults.failAt(n, fault);
          await live(bench).catch((error: unknown) => {
            if (error instanceof ProcessEnded) return;
            expect(error, `call ${n}`).to.have.property('name', 'ForwarderError');
          });
          const where = `call ${n}, ${bench.node.faults.calls[n - 1]}`;
          expect(bench.node.faults.pending, where).to.equal(0);
          bench.node.faults.restart();
          await finish(bench);
          const after = bench.node.snapshot();
          expect(drivers(after), where).to.equal(drivers(bench.untouched));
          expect(mayUse(after), where).to.deep.equal([]);
          expect(
            [bench.world.grants.size, bench.world.bound.size, bench.node.journal.records().size],
            where,
          ).to.deep.equal([0, 0, 0]);
        }
      }).timeout(60_000);
    }
  }
});
