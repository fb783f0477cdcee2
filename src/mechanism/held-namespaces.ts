import { ForwarderError } from '../ports/error.js';
import type { NamespaceId, NetNamespace } from '../ports/links.js';

interface Held {
  /** Absent as long as it is only known to have been held by a former process. */
  namespace: NetNamespace | undefined;
  readonly holders: Map<string, 'holds' | 'expected'>;
  /** How many look at it and hold nothing. */
  visits: number;
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
    const known = this.#known(namespace.id);
    known.holders.set(holder, 'holds');
    return open(known, namespace);
  }

  /**
   * A former process held the namespace for this connection, and the descriptor went with it. The connection counts all
   * the same: others that leave the namespace leave it in peace.
   */
  expect(id: NamespaceId, holder: string): void {
    const known = this.#known(id);
    if (!known.holders.has(holder)) known.holders.set(holder, 'expected');
  }

  /**
   * Lets everybody find an open namespace until disposed; after that it stays open only if somebody holds it. When it is
   * open already, the new handle is closed and the older one serves all.
   */
  show(namespace: NetNamespace): Disposable {
    const { id } = namespace;
    const known = this.#known(id);
    open(known, namespace);
    known.visits += 1;
    return {
      [Symbol.dispose]: () => {
        known.visits -= 1;
        if (known.visits > 0 || [...known.holders.values()].includes('holds')) return;
        known.namespace?.[Symbol.dispose]();
        known.namespace = undefined;
        if (known.holders.size === 0) this.#held.delete(id);
      },
    };
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
    return this.#held.get(id)?.holders.get(holder) === 'holds';
  }

  /** How many connections are known to be in it. */
  holders(id: NamespaceId): number {
    return this.#held.get(id)?.holders.size ?? 0;
  }

  /**
   * What a setting of the whole namespace was before the first connection in it changed it: whichever of them ends last
   * puts that back.
   *
   * @param now - what it is at this moment, or was by the records of a former process; remembered when nobody has asked
   *   before
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
    if (known === undefined || !known.holders.delete(holder) || known.holders.size + known.visits > 0) return;
    this.#held.delete(id);
    known.namespace?.[Symbol.dispose]();
  }

  /** Number of namespaces that connections are known to be in. */
  get size(): number {
    return this.#held.size;
  }

  #known(id: NamespaceId): Held {
    const known = this.#held.get(id);
    if (known !== undefined) return known;
    const fresh = { namespace: undefined, holders: new Map(), visits: 0, settings: new Map(), turn: Promise.resolve() };
    this.#held.set(id, fresh);
    return fresh;
  }
}

function open(known: Held, namespace: NetNamespace): NetNamespace {
  known.namespace ??= namespace;
  if (known.namespace !== namespace) namespace[Symbol.dispose]();
  return known.namespace;
}
