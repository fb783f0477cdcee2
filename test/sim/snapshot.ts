import { describeIpObject } from './canonical-ip-object.js';
import { changedNetdevSettings } from './namespace-settings.js';
import type { Netdev } from './netdev.js';
import type { SimNamespace } from './network-namespace.js';
import { initialVfSettings, type SimPf, type SimVf } from './pci-function.js';

/**
 * The state of the node as sorted text, for people and for comparing. Indices are left out: a netdev may come home under
 * another one. So are settings that have their initial value, and `lo` while nothing is configured on it.
 */
export function snapshotText(pfs: readonly SimPf[], namespaces: readonly SimNamespace[]): string {
  const sections = [...pfs.map(pfSection), ...namespaces.map(namespaceSection)];
  return `${sections.map((lines) => lines.join('\n')).join('\n')}\n`;
}

function pfSection(pf: SimPf): readonly string[] {
  return [
    `PF ${pf.address} ${pf.driver}${groupText(pf)}, ${pf.vfs.length} of ${pf.totalVfs} VFs`,
    ...pf.vfs.map((vf, n) => indent(`VF ${n} ${vf.address} ${vf.driver ?? 'unbound'}${groupText(vf)}${vfText(vf)}`)),
  ];
}

function groupText({ iommuGroup }: SimPf | SimVf): string {
  return iommuGroup === undefined ? '' : ` in group ${iommuGroup}`;
}

function vfText({ settings, inUse, residue }: SimVf): string {
  const changed = Object.entries(settings)
    .filter(([name, value]) => value !== initialVfSettings[name as keyof typeof settings])
    .map(([name, value]) => `${name}=${value}`);
  const left = [...residue].sort().map((what) => `left ${what}`);
  return [...changed, ...left, ...(inUse === undefined ? [] : ['in use'])].map((text) => `, ${text}`).join('');
}

function namespaceSection(namespace: SimNamespace): readonly string[] {
  const rules = namespace.ip.entries().filter(({ object }) => object.kind === 'rule');
  return [
    `namespace ${namespace.path}`,
    ...[...namespace.netdevs.values()]
      .map((netdev) => netdevLines(netdev))
      .sort(byFirstLine)
      .flat()
      .map(indent),
    ...rules.map(entryText).sort().map(indent),
    ...settingLines(namespace.settings.changed()).map(indent),
  ];
}

function netdevLines(netdev: Netdev): readonly string[] {
  const { name, origin, mac, mtu, up, altNames, namespace } = netdev;
  const behind = origin.function === undefined ? '' : ` of ${origin.function}`;
  const aliases = altNames.length === 0 ? '' : `, also ${[...altNames].sort().join(', ')}`;
  const objects = namespace.ip.entries().filter(({ object }) => 'index' in object && object.index === netdev.index);
  const below = [...objects.map(entryText).sort(), ...settingLines(changedNetdevSettings(netdev.settings))];
  if (name === 'lo' && below.length === 0) return [];
  return [`${name}${behind} ${mac} mtu ${mtu} ${up ? 'up' : 'down'}${aliases}`, ...below.map(indent)];
}

function entryText({ object, ours }: ReturnType<SimNamespace['ip']['entries']>[number]): string {
  return `${describeIpObject(object)}${ours ? '' : ' (not ours)'}`;
}

function settingLines(settings: readonly (readonly [string, string])[]): readonly string[] {
  return settings.map(([path, value]) => `${path} = ${value.replace('\t', ' ')}`).sort();
}

function byFirstLine(a: readonly string[], b: readonly string[]): number {
  const [left = '', right = ''] = [a[0], b[0]];
  return left < right ? -1 : left > right ? 1 : 0;
}

function indent(line: string): string {
  return `  ${line}`;
}
