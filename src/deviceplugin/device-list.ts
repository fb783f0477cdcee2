import type { Device } from '../../apis/generated/deviceplugin-v1beta1.js';
import type { OfferedToken } from './token-offer.js';

/** Tokens as kubelet's devices: `Healthy` or `Unhealthy`, with a NUMA node only where the token has one for sure. */
export function deviceList(tokens: readonly OfferedToken[]): Device[] {
  return tokens.map(({ id, healthy, numaNode }) => ({
    ID: id,
    health: healthy ? 'Healthy' : 'Unhealthy',
    topology: numaNode === undefined ? undefined : { nodes: [{ ID: numaNode }] },
  }));
}
