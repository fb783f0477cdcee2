import type { PluginEndpoint } from '../../simulation/kubelet/plugin-endpoint.js';

/** Why a plugin does not let these tokens be allocated; `allocated` when it does. */
export function refusalOf(plugin: PluginEndpoint, ids: string[]): Promise<string> {
  return plugin.allocate(ids).then(
    () => 'allocated',
    (thrown: unknown) => (thrown as Error).message,
  );
}
