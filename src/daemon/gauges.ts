import type { Forwarder } from '../forwarder/forwarder.js';
import type { Telemetry } from '../ports/telemetry.js';
import type { ResourcePool } from '../resourcepool/resource-pool.js';

const tokenStates = ['free', 'allocated', 'in-use', 'closed', 'quarantined', 'retired'] as const;

/** What the node has and what became of it, as numbers that are read at each export. */
export function gauge(
  telemetry: Telemetry,
  { pool, forwarder }: { pool: ResourcePool; forwarder: Pick<Forwarder, 'connections' | 'quarantined' | 'strays'> },
): void {
  const perPf = (count: 'total' | 'free') => () =>
    pool.report().physicalFunctions.map(({ address, [count]: value }) => ({ value, facts: { pf: address } }));
  const alone = (count: () => number) => () => [{ value: count(), facts: {} }];
  telemetry.gauge('sriov.vf.total', 'VFs that are offered', perPf('total'));
  telemetry.gauge('sriov.vf.free', 'VFs that nobody has', perPf('free'));
  telemetry.gauge('sriov.token.count', 'Tokens by resource and state', () =>
    pool
      .report()
      .names.flatMap(({ name: resource, ...counts }) =>
        tokenStates.map((state) => ({ value: counts[state], facts: { resource, state } })),
      ),
  );
  telemetry.gauge(
    'sriov.connection.count',
    'Established connections',
    alone(() => forwarder.connections.established().length),
  );
  telemetry.gauge(
    'sriov.vf.quarantined',
    'VFs that could not be brought home yet',
    alone(() => forwarder.quarantined().length),
  );
  telemetry.gauge(
    'sriov.vf.held_back',
    'VFs that are not at home, and nobody knows why',
    alone(() => forwarder.strays().length),
  );
}
