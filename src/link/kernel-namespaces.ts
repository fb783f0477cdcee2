import { stat } from 'node:fs';
import { insideNetworkNamespace, openNetworkNamespace, openOwnNetworkNamespace } from '../native/network-namespace.js';
import { ForwarderError, toForwarderError } from '../ports/error.js';
import type { NamespaceId, Namespaces, NetNamespace } from '../ports/links.js';
import { KernelNamespace } from './kernel-namespace.js';
import { namespacePaths } from './namespace-paths.js';
import { RtnlLane } from './rtnl-lane.js';

/** What is different in tests. */
export interface KernelNamespacesOptions {
  /** The root of the proc file system in which namespaces are looked for: `/proc` unless told. */
  readonly proc?: string;
}

/**
 * {@link Namespaces} of the running kernel; home is the namespace of the thread that makes it. It needs CAP_NET_ADMIN
 * and, to enter others, CAP_SYS_ADMIN. Disposing it closes home; what was opened lives on its own.
 */
export class KernelNamespaces implements Namespaces, Disposable {
  readonly home: NetNamespace;
  readonly #lane = new RtnlLane();
  readonly #proc: string;

  /** @throws ForwarderError `not-found`, `denied` when /proc does not show this process's namespace */
  constructor({ proc = '/proc' }: KernelNamespacesOptions = {}) {
    this.#proc = proc;
    startThreadPool();
    this.home = new KernelNamespace({
      file: openOwnNetworkNamespace(),
      lane: this.#lane,
      inside: (action) => action(),
    });
  }

  open(path: string): NetNamespace {
    const file = openNetworkNamespace(path);
    if (file.id === this.home.id) {
      file[Symbol.dispose]();
      throw new ForwarderError('invalid', `${path} is the host's own network namespace: no client can live there`);
    }
    return new KernelNamespace({
      file,
      lane: this.#lane,
      inside: (action) => insideNetworkNamespace(file, action),
    });
  }

  async locate(id: NamespaceId, signal: AbortSignal): Promise<NetNamespace | undefined> {
    if (id === this.home.id) return undefined;
    for await (const path of namespacePaths(this.#proc, id, signal)) {
      if (signal.aborted) break;
      const found = this.#openIfStill(path, id);
      if (found !== undefined) return found;
    }
    if (signal.aborted) throw toForwarderError(signal.reason);
    return undefined;
  }

  /** Undefined when the path leads elsewhere by now, or nowhere, or is not ours to open. */
  #openIfStill(path: string, id: NamespaceId): NetNamespace | undefined {
    try {
      const found = this.open(path);
      if (found.id === id) return found;
      found[Symbol.dispose]();
      return undefined;
    } catch (error) {
      if (error instanceof ForwarderError && error.kind !== 'exhausted') return undefined;
      throw error;
    }
  }

  [Symbol.dispose](): void {
    this.home[Symbol.dispose]();
  }
}

/**
 * The threads of the pool take over the namespace of the thread that starts them, for ever. All of them start with the
 * first piece of work: here, at home, instead of by chance inside a foreign namespace.
 */
function startThreadPool(): void {
  stat('/', () => undefined);
}
