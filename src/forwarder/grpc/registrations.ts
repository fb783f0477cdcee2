import { Registration, type RegistrationParts } from './registration.js';

/**
 * The names under which the manager knows this forwarder: its own, and those of predecessors whose connections it goes on
 * serving. A manager looks for the forwarder of a connection by the name that it had when the connection was made
 * (nsm-wire 4.6), so all of them lead to the same socket.
 */
export class Registrations {
  readonly #parts: Omit<RegistrationParts, 'name'>;
  readonly #byName = new Map<string, { readonly registration: Registration; readonly registered: Promise<void> }>();

  constructor(parts: Omit<RegistrationParts, 'name'>) {
    this.#parts = parts;
  }

  get names(): readonly string[] {
    return [...this.#byName.keys()];
  }

  /**
   * Registers under a name, once, and keeps it so; resolves when first registered. A predecessor's name may be refused
   * for as long as the manager takes it for another's: it is tried again and again meanwhile.
   *
   * @throws ForwarderError `cancelled` when the name is taken back first, or the signal's reason
   */
  async add(name: string): Promise<void> {
    const known = this.#byName.get(name);
    if (known !== undefined) return known.registered;
    const registration = new Registration({ ...this.#parts, name });
    const registered = registration.start();
    this.#byName.set(name, { registration, registered });
    return registered;
  }

  /** Takes a name back: nothing that it stood for is served here any more. */
  async remove(name: string, signal: AbortSignal): Promise<void> {
    const known = this.#byName.get(name);
    this.#byName.delete(name);
    await known?.registration.stop(signal);
  }

  /**
   * Takes all names back, each whatever becomes of the others.
   *
   * @throws ForwarderError the first failure
   */
  async stop(signal: AbortSignal): Promise<void> {
    const outcomes = await Promise.allSettled(this.names.map((name) => this.remove(name, signal)));
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason;
  }
}
