import type { HeldNamespaces } from '../held-namespaces.js';
import type { IpTarget, Work } from './configure-ip.js';

/** Text of a kernel setting with its white space made one: the kernel answers with tabs. */
export function settingText(value: string | undefined): string | undefined {
  return value?.trim().replace(/\s+/g, ' ');
}

/** Writes a setting of the whole client namespace, unless it said so before any connection came. */
export async function changeSetting(
  { held, target }: { readonly held: HeldNamespaces; readonly target: IpTarget },
  setting: { readonly path: string; readonly value: string },
  { ledger }: Work,
): Promise<void> {
  const { id, addressing } = target.namespace;
  const now = settingText(addressing.readSetting(setting.path));
  if (now === undefined) return;
  const former = held.settingBefore(id, { path: setting.path, now });
  if (former === setting.value) return;
  const args = { namespace: id, ...setting, former };
  await ledger.perform({ kind: 'namespace-setting', args, function: target.function }, async () => {
    if (now !== setting.value) addressing.writeSetting(setting.path, setting.value);
  });
}
