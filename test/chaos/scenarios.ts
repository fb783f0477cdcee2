import type { Subject } from './subject.js';

/** What a process is at when it ends. */
export interface Scenario {
  readonly title: string;
  /** What happened before, without a fault. */
  readonly prepare: (subject: Subject) => Promise<void>;
  /** The work that is cut. @throws ProcessEnded when it was */
  readonly act: (subject: Subject) => Promise<void>;
  /** True when a client that asks again asks for what it has. */
  readonly keepsPlan: boolean;
  /** True when nobody can know any more how the VF was, and what the endpoint was asked. */
  readonly forgets?: true;
  /** Settings in which it means nothing. */
  readonly omit?: RegExp;
}

const expiryMs = 700_000;

export const scenarios: readonly Scenario[] = [
  {
    title: 'Request',
    prepare: async () => undefined,
    act: (subject) => subject.connect(),
    keepsPlan: true,
  },
  {
    title: 'refresh',
    prepare: (subject) => subject.connect(),
    act: (subject) => subject.heal(),
    keepsPlan: true,
  },
  {
    title: 'refresh to a new plan',
    prepare: (subject) => subject.connect(),
    act: (subject) => {
      subject.world.endpoint.context = subject.setting.later;
      return subject.heal();
    },
    keepsPlan: false,
  },
  {
    title: 'refresh by way of home',
    prepare: (subject) => subject.connect(),
    act: (subject) => subject.change({ ...subject.wish, interfaceName: 'nsm-2' }),
    keepsPlan: false,
  },
  {
    title: 'mechanism change',
    prepare: (subject) => subject.connect(),
    act: (subject) => subject.change({ ...subject.wish, type: 'NOOP' }),
    keepsPlan: false,
  },
  {
    title: 'change between KERNEL and VFIO',
    prepare: (subject) => subject.connect(),
    act: (subject) => subject.changeWay(),
    keepsPlan: false,
    // Their group is a fiction of the simulation, or somebody else's as well.
    omit: /do not tell/,
  },
  {
    title: 'Close',
    prepare: (subject) => subject.connect(),
    act: (subject) => subject.world.close(must(subject.answer), subject.wish),
    keepsPlan: true,
  },
  {
    title: 'expiry',
    prepare: (subject) => subject.connect(),
    act: (subject) => subject.pass(expiryMs),
    keepsPlan: true,
  },
  {
    title: 'reconciliation',
    prepare: (subject) => subject.connect(),
    act: async (subject) => void (await subject.restart()),
    keepsPlan: true,
  },
  {
    title: 'reconciliation after the namespace has ended',
    prepare: async (subject) => {
      await subject.connect();
      subject.world.node.crash();
      subject.endClient();
      await subject.world.node.settled();
    },
    act: async (subject) => void (await subject.restart()),
    keepsPlan: false,
    omit: /same pod/,
  },
  {
    title: 'quarantine retry',
    prepare: async (subject) => {
      await subject.connect();
      const { faults } = subject.world.node;
      const last = subject.setting.type === 'VFIO' ? 'access.revoke' : 'links.move /sim/ns/client';
      using _broken = faults.failEvery(last, 'before', 'busy');
      await subject.close().catch(() => undefined);
    },
    act: (subject) => subject.pass(2_000),
    keepsPlan: false,
  },
  {
    title: 'adoption without a record',
    prepare: async (subject) => {
      await subject.connect();
      subject.loseJournal();
      await subject.restart({ recordsComplete: false });
    },
    act: (subject) => subject.heal(),
    keepsPlan: false,
    forgets: true,
    omit: /do not tell|another client|wrong driver|nothing is reset|VFIO/,
  },
];

function must<T>(value: T | undefined): T {
  if (value === undefined) throw new Error('missing');
  return value;
}
