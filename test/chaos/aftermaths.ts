import type { Subject } from './subject.js';

/** What the client does when the forwarder is back. */
export interface Aftermath {
  readonly title: string;
  /** While there is no forwarder. */
  readonly meanwhile?: (subject: Subject) => Promise<void>;
  /** Settings in which it means something else. */
  readonly omit?: RegExp;
  readonly after: (subject: Subject) => Promise<void>;
}

/** Longer than any token, and than the longest pause of a quarantine. */
const longMs = 840_000;

async function healAndClose(subject: Subject): Promise<void> {
  if (subject.hasEnded) return;
  await healSoon(subject);
  subject.soundness.lookAtRest('healed');
  await subject.close();
}

/** A client repeats its Request until it is served. While its VF is in quarantine it is told that it is busy. */
async function healSoon(subject: Subject): Promise<void> {
  for (let attempts = 1; ; attempts += 1) {
    try {
      await subject.heal();
      return;
    } catch (error) {
      if (attempts === 3) throw error;
      await subject.pass(3_000);
    }
  }
}

async function endClient(subject: Subject): Promise<void> {
  subject.endClient();
  await subject.world.node.settled();
}

export const aftermaths: readonly Aftermath[] = [
  { title: 'heals with what it knows, and closes', after: healAndClose },
  {
    title: 'heals with its first Request, and closes',
    after: (subject) => {
      subject.answer = undefined;
      return healAndClose(subject);
    },
  },
  { title: 'closes', after: (subject) => subject.close() },
  { title: 'never comes back', after: async () => undefined },
  { title: 'dies meanwhile', omit: /same pod/, meanwhile: endClient, after: async () => undefined },
  { title: 'dies later', omit: /same pod/, after: endClient },
];

/** The client is gone: time passes until everything has happened that happens by itself. */
export async function settle(subject: Subject): Promise<void> {
  await subject.pass(longMs);
}
