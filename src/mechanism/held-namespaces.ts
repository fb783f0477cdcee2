import { ForwarderError } from '../ports/error.js';
import type { NamespaceId, NetNamespace } from '../ports/links.js';

/**
 * The client namespaces that connections hold open, each once, however many connections are in it. While one is held
 * the kernel keeps it, and with it the VFs inside: an orderly way home for every VF, whatever the client does.
 */
export class HeldNamespaces {
  readonly #held = new Map<NamespaceId, { readonly namespace: NetNamespace; holders: number }>();

  /** Takes over an open namespace. When it is held already, the new handle is closed and the older one serves both. */
  hold(namespace: NetNamespace): NetNamespace {
    const known = this.#held.get(namespace.id);
    if (known === undefined) {
      this.#held.set(namespace.id, { namespace, holders: 1 });
      return namespace;
    }
    known.holders += 1;
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

  /** How many connections hold it. */
  holders(id: NamespaceId): number {
    return this.#held.get(id)?.holders ?? 0;
  }

  /** Gives up one hold; the last one closes the namespace. Dropping what is not held does nothing. */
  drop(id: NamespaceId): void {
    const known = this.#held.get(id);
    if (known === undefined) return;
    known.holders -= 1;
    if (known.holders > 0) return;
    this.#held.delete(id);
    known.namespace[Symbol.dispose]();
  }

  /** Number of namespaces held. */
  get size(): number {
    return this.#held.size;
  }
}
