import { ForwarderError } from '../ports/error.js';
import type { NamespaceId, NetNamespace } from '../ports/links.js';

interface Held {
  readonly namespace: NetNamespace;
  readonly holders: Set<string>;
  /** By path: what settings of the whole namespace were before anybody here changed them. */
  readonly settings: Map<string, string>;
  /** When the last piece of work that was given a turn here is done. */
  turn: Promise<unknown>;
}

/**
 * The client namespaces that connections hold open, each once, however many connections are in it. While one is held
 * the kernel keeps it, and with it the VFs inside: an orderly way home for every VF, whatever the client does.
 */
export class HeldNamespaces {
  readonly #held = new Map<NamespaceId, Held>();

  /**
   * Takes over an open namespace for a holder. When it is held already, the new handle is closed and the older one
   * serves all; a holder counts once.
   */
  hold(namespace: NetNamespace, holder: string): NetNamespace {
    const known = this.#held.get(namespace.id);
    if (known === undefined) {
      this.#held.set(namespace.id, {
        namespace,
        holders: new Set([holder]),
        settings: new Map(),
        turn: Promise.resolve(),
      });
      return namespace;
    }
    known.holders.add(holder);
    if (known.namespace !== namespace) namespace[Symbol.dispose]();
    return known.namespace;
  }

  /** The open namespace, if anybody holds it. */
  find(id: NamespaceId): NetNamespace | undefined {
    return this.#held.get(id)?.namespace;
  }

  /** @throws ForwarderError `not-found` when nobody holds it */
  get(id: NamespaceId): NetNamespace {
    const namespace = this.find(id);
    if (namespace === undefined) throw new ForwarderError('not-found', `network namespace ${id} is not held`);
    return namespace;
  }

  isHolder(id: NamespaceId, holder: string): boolean {
    return this.#held.get(id)?.holders.has(holder) ?? false;
  }

  /** How many connections hold it. */
  holders(id: NamespaceId): number {
    return this.#held.get(id)?.holders.size ?? 0;
  }

  /**
   * What a setting of the whole namespace was before the first connection in it changed it: whichever of them ends last
   * puts that back.
   *
   * @param now - what it is at this moment, remembered when nobody has asked before
   */
  settingBefore(id: NamespaceId, { path, now }: { readonly path: string; readonly now: string }): string {
    const settings = this.#held.get(id)?.settings;
    const before = settings?.get(path) ?? now;
    settings?.set(path, before);
    return before;
  }

  /**
   * Runs work that looks at what is taken in a namespace and then takes something, one such piece after the other:
   * connections of one pod choose routing tables without meeting.
   */
  async inTurn<T>(id: NamespaceId, work: () => Promise<T>): Promise<T> {
    const held = this.#held.get(id);
    if (held === undefined) return work();
    const mine = held.turn.then(work);
    held.turn = mine.catch(() => undefined);
    return mine;
  }

  /** A holder gives up its hold; the last one closes the namespace. Dropping what it does not hold does nothing. */
  drop(id: NamespaceId, holder: string): void {
    const known = this.#held.get(id);
    if (known === undefined || !known.holders.delete(holder) || known.holders.size > 0) return;
    this.#held.delete(id);
    known.namespace[Symbol.dispose]();
  }

  /** Number of namespaces held. */
  get size(): number {
    return this.#held.size;
  }
}
