import { stat } from 'node:fs';
import { insideNetworkNamespace, openNetworkNamespace, openOwnNetworkNamespace } from '../native/network-namespace.js';
import { ForwarderError } from '../ports/error.js';
import type { Namespaces, NetNamespace } from '../ports/links.js';
import { KernelNamespace } from './kernel-namespace.js';
import { RtnlLane } from './rtnl-lane.js';

/**
 * {@link Namespaces} of the running kernel; home is the namespace of the thread that makes it. It needs CAP_NET_ADMIN
 * and, to enter others, CAP_SYS_ADMIN. Disposing it closes home; what was opened lives on its own.
 */
export class KernelNamespaces implements Namespaces, Disposable {
  readonly home: NetNamespace;
  readonly #lane = new RtnlLane();

  /** @throws ForwarderError `not-found`, `denied` when /proc does not show this process's namespace */
  constructor() {
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
