import type { PodDevices } from '../forwarder/pod-devices.js';
import type { TokenId } from '../resourcepool/token-id.js';
import type { TokenUsers } from '../resourcepool/token-users.js';
import type { TakeBack } from './take-back.js';

/** All that knows something of a token's last pod. */
export interface LastPod {
  readonly users: Pick<TokenUsers, 'release'>;
  readonly podDevices: Pick<PodDevices, 'has' | 'podsGone'>;
  readonly takeBack: Pick<TakeBack, 'podsGone'>;
}

/**
 * What happens to tokens whose pods are gone, or that have new pods: they lose their users, and their VFs come home. A
 * VF that its pod had as a device does so at once, as nobody there can close anything in order.
 */
export function handedOn({ users, podDevices, takeBack }: LastPod): (tokens: readonly TokenId[]) => void {
  return (tokens) => {
    users.release(tokens);
    podDevices.podsGone(tokens);
    takeBack.podsGone(tokens.filter((token) => !podDevices.has(token)));
  };
}
