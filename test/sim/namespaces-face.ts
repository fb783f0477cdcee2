import type { NamespaceId, Namespaces, NetNamespace } from '../../src/ports/links.js';
import type { CallGate } from './call-gate.js';
import { NamespaceHandle } from './namespace-handle.js';
import type { NamespaceRegistry } from './namespace-registry.js';
import type { SimNamespace } from './network-namespace.js';
import type { PciTree } from './pci-tree.js';

/** {@link Namespaces} of one process. */
export class NamespacesFace implements Namespaces {
  readonly home: NetNamespace;
  readonly #gate: CallGate;
  readonly #registry: NamespaceRegistry;
  readonly #tree: PciTree;
  readonly #open = new Map<NamespaceHandle, Disposable>();

  constructor(gate: CallGate, registry: NamespaceRegistry, tree: PciTree) {
    this.#gate = gate;
    this.#registry = registry;
    this.#tree = tree;
    this.home = this.#handle(registry.home, () => {
      throw new Error('the process has closed its own network namespace');
    });
  }

  /** Handles that are open, home apart. */
  get openHandles(): number {
    return this.#open.size;
  }

  open(path: string): NetNamespace {
    let handle: NamespaceHandle | undefined;
    try {
      return this.#gate.callNow(`namespaces.open ${path}`, () => {
        handle = this.#hold(this.#registry.resolve(path));
        return handle;
      });
    } catch (error) {
      // An opening that fails leaves no descriptor, whenever it fails: nobody could close it.
      handle?.[Symbol.dispose]();
      throw error;
    }
  }

  async locate(id: NamespaceId, signal: AbortSignal): Promise<NetNamespace | undefined> {
    let handle: NamespaceHandle | undefined;
    try {
      return await this.#gate.call(`namespaces.locate ${id}`, signal, () => {
        const namespace = this.#registry.locate(id);
        handle = namespace && this.#hold(namespace);
        return handle;
      });
    } catch (error) {
      handle?.[Symbol.dispose]();
      throw error;
    }
  }

  /** What the kernel does with the descriptors of a process that ends. */
  closeAll(): void {
    for (const handle of [...this.#open.keys()]) handle[Symbol.dispose]();
  }

  #hold(namespace: SimNamespace): NamespaceHandle {
    const handle = this.#handle(namespace, (closed) => this.#close(closed));
    this.#open.set(handle, this.#registry.hold(namespace));
    return handle;
  }

  #handle(namespace: SimNamespace, closed: (handle: NamespaceHandle) => void): NamespaceHandle {
    return new NamespaceHandle({ namespace, gate: this.#gate, pfs: () => this.#tree.pfs, closed });
  }

  #close(handle: NamespaceHandle): void {
    this.#open.get(handle)?.[Symbol.dispose]();
    this.#open.delete(handle);
  }
}
