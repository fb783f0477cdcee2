import type { Forwarder } from '../forwarder/forwarder.js';
import type { Registrations } from '../forwarder/grpc/registrations.js';
import { toForwarderError } from '../ports/error.js';
import type { Log } from '../ports/log.js';

interface Parts {
  readonly forwarder: Pick<Forwarder, 'formerNames' | 'events'>;
  readonly registrations: Pick<Registrations, 'add' | 'remove'>;
  readonly log: Log;
  /** Ends what is still under way. */
  readonly signal: AbortSignal;
}

/**
 * Registers the names of former processes as long as connections are held that were made under them. After a rolling
 * update the forwarder has its new pod's name, and managers go on asking for the old one: they would find nobody, and no
 * connection would heal before its token ends (nsm-wire 9.5 d). Each connection that heals is known by our own name.
 */
export function keepFormerNames({ forwarder, registrations, log, signal }: Parts): Disposable {
  const kept = new Set<string>();
  const tell = (name: string, attempt: string) => (thrown: unknown) => {
    log.warn(`${attempt} failed`, { name, reason: toForwarderError(thrown).message });
  };
  for (const name of forwarder.formerNames()) {
    kept.add(name);
    log.info('connections of a forwarder with another name were taken over: it is registered beside our own', { name });
    registrations.add(name).catch(tell(name, 'registering a former name'));
  }
  return forwarder.events.subscribe(() => {
    if (kept.size === 0) return;
    const needed = forwarder.formerNames();
    for (const name of [...kept].filter((it) => !needed.has(it))) {
      kept.delete(name);
      log.info('the last connection under a former name is gone or has healed', { name });
      registrations.remove(name, signal).catch(tell(name, 'taking back a former name'));
    }
  });
}
