import type { IpTarget, Work } from './configure-ip.js';

/** Text of a kernel setting with its white space made one: the kernel answers with tabs. */
export function settingText(value: string | undefined): string | undefined {
  return value?.trim().replace(/\s+/g, ' ');
}

/** Writes a setting of the whole client namespace, unless it says so already. */
export async function changeSetting(
  target: IpTarget,
  setting: { readonly path: string; readonly value: string },
  { ledger }: Work,
): Promise<void> {
  const { addressing } = target.namespace;
  const former = settingText(addressing.readSetting(setting.path));
  if (former === undefined || former === setting.value) return;
  const args = { namespace: target.namespace.id, ...setting, former };
  await ledger.perform({ kind: 'namespace-setting', args, function: target.function }, async () => {
    addressing.writeSetting(setting.path, setting.value);
  });
}
