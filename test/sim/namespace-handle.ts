import { ForwarderError } from '../../src/ports/error.js';
import type { Addressing, Links, NamespaceId, NetNamespace } from '../../src/ports/links.js';
import { AddressingFace } from './addressing-face.js';
import type { CallGate } from './call-gate.js';
import { LinksFace } from './links-face.js';
import type { SimNamespace } from './network-namespace.js';
import type { SimPf } from './pci-function.js';

/** What a {@link NamespaceHandle} stands on. */
export interface HandleParts {
  readonly namespace: SimNamespace;
  readonly gate: CallGate;
  readonly pfs: () => readonly SimPf[];
  /** Called once, when the handle is closed. */
  readonly closed: (handle: NamespaceHandle) => void;
}

/** An open namespace in the hands of the process. */
export class NamespaceHandle implements NetNamespace {
  readonly id: NamespaceId;
  readonly links: Links;
  readonly addressing: Addressing;
  readonly namespace: SimNamespace;
  readonly pfs: () => readonly SimPf[];
  readonly #parts: HandleParts;
  #open = true;

  constructor(parts: HandleParts) {
    this.#parts = parts;
    this.namespace = parts.namespace;
    this.pfs = parts.pfs;
    this.id = parts.namespace.id;
    this.links = new LinksFace(this, NamespaceHandle.of);
    this.addressing = new AddressingFace(this);
  }

  /** The simulated side of a port value. @throws ForwarderError `invalid` for one of another node */
  static of(namespace: NetNamespace): NamespaceHandle {
    if (namespace instanceof NamespaceHandle) return namespace;
    throw new ForwarderError('invalid', `network namespace ${namespace.id} does not belong to this node`);
  }

  get path(): string {
    return this.namespace.path;
  }

  /** @throws ForwarderError `refused` after disposal */
  requireOpen(): SimNamespace {
    if (this.#open) return this.namespace;
    throw new ForwarderError('refused', `network namespace ${this.id} is closed`);
  }

  /** A call of one of the faces, through the gate. */
  call<T>(method: string, what: string, signal: AbortSignal, effect: (namespace: SimNamespace) => T): Promise<T> {
    return this.#parts.gate.call(this.#name(method, what), signal, () => effect(this.requireOpen()));
  }

  /** The same for a synchronous method. */
  callNow<T>(method: string, what: string, effect: (namespace: SimNamespace) => T): T {
    return this.#parts.gate.callNow(this.#name(method, what), () => effect(this.requireOpen()));
  }

  [Symbol.dispose](): void {
    if (!this.#open) return;
    this.#open = false;
    this.#parts.closed(this);
  }

  #name(method: string, what: string): string {
    return `${method} ${this.path} ${what}`.trimEnd();
  }
}
