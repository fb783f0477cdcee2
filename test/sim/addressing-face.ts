import type { Addressing, IpObject } from '../../src/ports/links.js';
import { canonicalIpObject, describeIpObject } from './canonical-ip-object.js';
import { addIpObject, enableIpv6 } from './ip-configuration.js';
import type { NamespaceHandle } from './namespace-handle.js';

/** {@link Addressing} of one open namespace. */
export class AddressingFace implements Addressing {
  readonly #handle: NamespaceHandle;

  constructor(handle: NamespaceHandle) {
    this.#handle = handle;
  }

  list<K extends IpObject['kind']>(
    kind: K,
    index: number | undefined,
    signal: AbortSignal,
  ): Promise<readonly Extract<IpObject, { kind: K }>[]> {
    const what = index === undefined ? kind : `${kind} of #${index}`;
    return this.#handle.call('addressing.list', what, signal, (namespace) => namespace.ip.list(kind, index));
  }

  add(objects: readonly IpObject[], signal: AbortSignal): Promise<void> {
    return this.#handle.call('addressing.add', describe(objects), signal, (namespace) => {
      const canonical = objects.map(canonicalIpObject);
      enableIpv6(namespace, canonical);
      for (const object of canonical) addIpObject(namespace, object);
    });
  }

  remove(objects: readonly IpObject[], signal: AbortSignal): Promise<void> {
    return this.#handle.call('addressing.remove', describe(objects), signal, (namespace) => {
      for (const object of objects.map(canonicalIpObject)) namespace.ip.remove(object);
    });
  }

  usedTables(signal: AbortSignal): Promise<ReadonlySet<number>> {
    return this.#handle.call('addressing.usedTables', '', signal, (namespace) => namespace.ip.usedTables());
  }

  readSetting(path: string): string | undefined {
    return this.#handle.callNow('addressing.readSetting', path, (namespace) => namespace.settings.read(path));
  }

  writeSetting(path: string, value: string): void {
    this.#handle.callNow('addressing.writeSetting', `${path} ${value}`, (namespace) =>
      namespace.settings.write(path, value),
    );
  }
}

function describe(objects: readonly IpObject[]): string {
  return objects
    .map((object) => `${describeIpObject(object)}${'index' in object ? ` on #${object.index}` : ''}`)
    .join(', ');
}
