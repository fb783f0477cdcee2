import { ForwarderError } from '../../src/ports/error.js';
import type { NamespaceId } from '../../src/ports/links.js';
import type { Background } from './background.js';
import { returnNetdev } from './netdev-changes.js';
import { SimNamespace } from './network-namespace.js';

/** nsfs: every namespace is an inode of one device, numbered upwards and never twice in a test. */
const nsfsDevice = 4;
const firstInode = 4_026_531_840;

const homePaths: readonly string[] = ['/sim/ns/home', '/proc/self/ns/net', '/proc/1/ns/net'];

/** Which namespaces there are, and who keeps them alive. */
export class NamespaceRegistry {
  readonly home: SimNamespace;
  readonly #background: Background;
  readonly #clientsSeen: boolean;
  readonly #byPath = new Map<string, SimNamespace>();
  /** Users of every living namespace but home; one that is ending has none left. */
  readonly #users = new Map<SimNamespace, Set<symbol>>();
  /** The client itself, as a user of its namespace. */
  readonly #clients = new Map<string, Disposable>();
  #created = 0;

  /** @param clientsSeen whether the process sees those of the clients, and so can find their namespaces */
  constructor(background: Background, clientsSeen: boolean) {
    this.#background = background;
    this.#clientsSeen = clientsSeen;
    this.home = new SimNamespace(this.#nextId(), 'home');
  }

  /** All namespaces but home, those that are ending included. */
  get all(): readonly SimNamespace[] {
    return [...this.#users.keys()];
  }

  /** A new namespace behind a path, with a client in it. */
  create(path: string): SimNamespace {
    if (homePaths.includes(path) || this.#byPath.has(path)) throw new Error(`${path} is a namespace already`);
    const namespace = new SimNamespace(this.#nextId(), path);
    this.#users.set(namespace, new Set());
    this.#byPath.set(path, namespace);
    this.#clients.set(path, this.hold(namespace));
    return namespace;
  }

  /** The client leaves: the path leads nowhere from now on, and the namespace ends when nobody else uses it. */
  kill(path: string): void {
    this.at(path);
    this.#byPath.delete(path);
    this.#clients.get(path)?.[Symbol.dispose]();
    this.#clients.delete(path);
  }

  /** The namespace of a test; `home` is home. */
  at(path: string): SimNamespace {
    const namespace = path === 'home' ? this.home : this.#byPath.get(path);
    if (namespace === undefined) throw new Error(`the test has made no namespace ${path}`);
    return namespace;
  }

  /** What the port finds behind a path. @throws ForwarderError `not-found`, `invalid` */
  resolve(path: string): SimNamespace {
    const namespace = this.#byPath.get(path);
    if (namespace !== undefined) return namespace;
    if (homePaths.includes(path)) {
      throw new ForwarderError('invalid', `${path} is the host's own network namespace: no client can live there`);
    }
    if (path.startsWith('/sim/file/')) throw new ForwarderError('invalid', `${path} is not a network namespace`);
    throw new ForwarderError('not-found', `cannot open the network namespace ${path}: ENOENT`);
  }

  /** A namespace that a client is in, if clients are seen. */
  locate(id: NamespaceId): SimNamespace | undefined {
    if (!this.#clientsSeen) return undefined;
    return [...this.#byPath.values()].find((namespace) => namespace.id === id);
  }

  /** Keeps a namespace alive until disposed; the last user to go ends it. */
  hold(namespace: SimNamespace): Disposable {
    const users = this.#users.get(namespace);
    const user = Symbol(namespace.path);
    users?.add(user);
    return {
      [Symbol.dispose]: () => {
        if (users?.delete(user) && users.size === 0) {
          this.#background.start(`namespace ${namespace.path} ends`, () => this.#end(namespace));
        }
      },
    };
  }

  /** Hardware goes home, virtual links are destroyed (kernel: default_device_exit_net). */
  #end(namespace: SimNamespace): void {
    for (const netdev of [...namespace.netdevs.values()]) {
      if (netdev.origin.function === undefined) namespace.release(netdev);
      else returnNetdev(netdev, this.home);
    }
    this.#users.delete(namespace);
  }

  #nextId(): NamespaceId {
    return `${nsfsDevice}/${firstInode + this.#created++}` as NamespaceId;
  }
}
