import { ForwarderError } from '../../src/ports/error.js';
import { hasIpv6, type Netdev } from './netdev.js';
import type { SimNamespace } from './network-namespace.js';

/** Settings that each netdev has, with what a new namespace has for them; others are not modelled, hence absent. */
const netdevDefaults: ReadonlyMap<string, string> = new Map([
  ['ipv4/arp_notify', '0'],
  ['ipv4/promote_secondaries', '0'],
  ['ipv4/route_localnet', '0'],
  ['ipv6/disable_ipv6', '0'],
  ['ipv6/ndisc_notify', '0'],
  ['ipv6/optimistic_dad', '0'],
]);

/** Settings of the whole namespace: value and form. */
const namespaceDefaults: ReadonlyMap<string, { readonly value: string; readonly form: RegExp }> = new Map([
  ['ipv4/ip_forward', { value: '0', form: /^\d+$/ }],
  ['ipv4/ping_group_range', { value: '1\t0', form: /^\d+\s+\d+$/ }],
]);

/** `/proc/sys/net` of one namespace (kernel: Documentation/networking/ip-sysctl.rst), as far as it is modelled. */
export class NamespaceSettings {
  readonly #namespace: SimNamespace;
  readonly #own = new Map([...namespaceDefaults].map(([path, { value }]) => [path, value]));
  readonly #all = new Map(netdevDefaults);
  readonly #default = new Map(netdevDefaults);

  constructor(namespace: SimNamespace) {
    this.#namespace = namespace;
  }

  /** What a netdev starts with here. */
  ofNewNetdev(): Map<string, string> {
    return new Map(this.#default);
  }

  /** @throws ForwarderError `invalid`: not a path below /proc/sys/net */
  read(path: string): string | undefined {
    requireRelative(path);
    const setting = this.#find(path);
    return setting?.values.get(setting.key);
  }

  /** @throws ForwarderError `not-found`, `invalid` (path or value) */
  write(path: string, value: string): void {
    requireRelative(path);
    const setting = this.#find(path);
    if (setting === undefined)
      throw new ForwarderError('not-found', `this kernel has no setting /proc/sys/net/${path}`);
    const form = namespaceDefaults.get(path)?.form ?? /^-?\d+$/;
    if (!form.test(value.trim())) {
      throw new ForwarderError('invalid', `cannot set /proc/sys/net/${path} to ${JSON.stringify(value)}: EINVAL`);
    }
    setting.values.set(setting.key, value.trim().replace(/\s+/, '\t'));
    if (setting.key === 'ipv6/disable_ipv6') this.#ipv6Switched(setting.values);
  }

  /** What differs from a new namespace, by path. */
  changed(): readonly (readonly [path: string, value: string])[] {
    const scopes = { all: this.#all, default: this.#default };
    return [
      ...[...this.#own].filter(([path, value]) => value !== namespaceDefaults.get(path)?.value),
      ...Object.entries(scopes).flatMap(([scope, values]) =>
        changedNetdevSettings(values).map(([key, value]) => [key.replace('/', `/conf/${scope}/`), value] as const),
      ),
    ];
  }

  #find(path: string): { readonly values: Map<string, string>; readonly key: string } | undefined {
    if (this.#own.has(path)) return { values: this.#own, key: path };
    const [, family = '', scope = '', setting = ''] = /^(ipv4|ipv6)\/conf\/([^/]+)\/([^/]+)$/.exec(path) ?? [];
    const key = `${family}/${setting}`;
    const values = netdevDefaults.has(key) ? this.#valuesOf(scope, family) : undefined;
    return values && { values, key };
  }

  #valuesOf(scope: string, family: string): Map<string, string> | undefined {
    if (scope === 'all') return this.#all;
    if (scope === 'default') return this.#default;
    const netdev = [...this.#namespace.netdevs.values()].find(({ name }) => name === scope);
    return netdev === undefined || (family === 'ipv6' && !hasIpv6(netdev)) ? undefined : netdev.settings;
  }

  /** Switching it for all switches it for new netdevs and for each that is there; those lose what they had. */
  #ipv6Switched(values: Map<string, string>): void {
    const netdevs = [...this.#namespace.netdevs.values()];
    if (values === this.#all) {
      const value = values.get('ipv6/disable_ipv6') ?? '0';
      for (const target of [this.#default, ...netdevs.map(({ settings }) => settings)]) {
        target.set('ipv6/disable_ipv6', value);
      }
    }
    for (const netdev of netdevs) {
      if (!this.#namespace.usesIpv6(netdev)) this.#namespace.ip.dropIpv6(netdev.index);
    }
  }
}

/** The settings of a netdev that differ from those in a new namespace. */
export function changedNetdevSettings(settings: Netdev['settings']): readonly (readonly [string, string])[] {
  return [...settings].filter(([key, value]) => value !== netdevDefaults.get(key));
}

function requireRelative(path: string): void {
  if (!path.split('/').some((part) => part === '' || part === '.' || part === '..')) return;
  throw new ForwarderError('invalid', `${JSON.stringify(path)} is not a path below /proc/sys/net`);
}
