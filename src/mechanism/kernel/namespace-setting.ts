import type { HeldNamespaces } from '../held-namespaces.js';
import type { Work } from './configure-ip.js';
import type { NetdevTarget } from './delivered-netdev.js';
import { netdevArgs } from './netdev-identity.js';

/** Text of a kernel setting with its white space made one: the kernel answers with tabs. */
export function settingText(value: string | undefined): string | undefined {
  return value?.trim().replace(/\s+/g, ' ');
}

/** Writes a setting of the whole client namespace, unless it said so before any connection came. */
export async function changeSetting(
  { held, target }: { readonly held: HeldNamespaces; readonly target: NetdevTarget },
  setting: { readonly path: string; readonly value: string },
  { ledger }: Work,
): Promise<void> {
  const { id, addressing } = target.namespace;
  const now = settingText(addressing.readSetting(setting.path));
  if (now === undefined) return;
  const former = held.settingBefore(id, { path: setting.path, now });
  if (former === setting.value) return;
  const args = { namespace: id, ...netdevArgs(target.netdev), ...setting, former };
  await ledger.perform({ kind: 'namespace-setting', args, function: target.netdev.function }, async () => {
    if (now !== setting.value) addressing.writeSetting(setting.path, setting.value);
  });
}
