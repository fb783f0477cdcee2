import { Connection } from '../../apis/generated/connection.js';
import { ForwarderError, toForwarderError } from '../ports/error.js';
import type { Log } from '../ports/log.js';
import type { TokenId } from '../resourcepool/token-id.js';
import type { Caller } from './chain/call.js';
import { type HandedDevice, handedDevice } from './elements/hand-to-pod.js';
import type { Keeper } from './recovery/take-over.js';

/** No connection's id begins so: those are UUIDs. */
const prefix = 'pod-device/';

/** Under which id a pod holds the VF that it has for a token as a device. */
function holderOf(token: TokenId): string {
  return prefix + token;
}

/** Whether what is held under an id is held by a pod itself, and not by a connection. */
export function isPodDevice(id: string): boolean {
  return id.startsWith(prefix);
}

/** What {@link PodDevices} works with. */
export interface PodDevicesParts {
  /** A door of its own, through which nobody comes but kubelet: no monitor sees what is behind it. */
  readonly keeper: Keeper;
  readonly log: Log;
}

/**
 * VFs that pods have as devices from their first moment to their last, for whoever speaks no NSM. What is done for such a
 * pod is in a ledger like that of a connection: on record before it happens, undone when the pod is gone, kept when the
 * process is followed by another one.
 */
export class PodDevices {
  readonly #keeper: Keeper;
  readonly #log: Log;

  constructor({ keeper, log }: PodDevicesParts) {
    this.#keeper = keeper;
    this.#log = log;
  }

  /**
   * A VF for a pod that has just got the token. What the token's last pod had is taken home first. A failure leaves
   * nothing behind.
   *
   * @throws ForwarderError why there is none, as for a client of VFIO
   */
  async give(token: TokenId, signal: AbortSignal): Promise<HandedDevice> {
    const { connections } = this.#keeper;
    const id = holderOf(token);
    await this.#end(token);
    const connection = Connection.fromPartial({ id, mechanism: { type: 'VFIO', parameters: { tokenID: token } } });
    await connections.request({ connection, preferences: [], caller: kubelet, signal });
    const held = connections.held(id);
    const handed = held && handedDevice(held);
    if (handed === undefined) throw new ForwarderError('unknown', `the VF for token ${token} was lost at once`);
    const { function: address, device } = handed;
    this.#log.info('a pod has a VF as a device', { token, function: address, iommuGroup: device.iommuGroup });
    return handed;
  }

  /** Takes VFs home from pods that are gone; nothing to do for tokens without one. What fails is said in the log. */
  podsGone(tokens: Iterable<TokenId>): void {
    for (const token of tokens) if (this.has(token)) void this.#end(token);
  }

  /** Takes one home. Never rejects: what cannot be undone is in quarantine, and said in the log. */
  async takeBack(token: TokenId): Promise<void> {
    await this.#end(token);
  }

  /** Whether the pod of the token has a VF, or is about to get one or to lose it. */
  has(token: TokenId): boolean {
    return this.#keeper.connections.has(holderOf(token));
  }

  /**
   * Makes sure before a container starts that its VF still is what it was told when the pod was made: it is not told
   * again.
   *
   * @throws ForwarderError `refused`, with what is wrong and what to do
   */
  async check(token: TokenId, signal: AbortSignal): Promise<void> {
    const held = this.#keeper.connections.held(holderOf(token));
    const advice = 'the pod has to be made anew';
    if (held?.established === undefined) {
      throw new ForwarderError(
        'refused',
        `no VF is there for token ${token}, as after a start of the machine: ${advice}`,
      );
    }
    const finding = await this.#keeper.inspect(held, signal);
    if (finding !== undefined) throw new ForwarderError('refused', `${finding.reason}: ${advice}`);
  }

  /** Takes all of them home. */
  async closeAll(): Promise<void> {
    await this.#keeper.connections.closeAll();
  }

  async #end(token: TokenId): Promise<void> {
    try {
      await this.#keeper.connections.end(holderOf(token));
    } catch (thrown) {
      this.#log.warn('the VF of a pod that is gone is not home yet', {
        token,
        reason: toForwarderError(thrown).message,
      });
    }
  }
}

/** Sends no descriptors, and has no SPIFFE id. */
const kubelet: Caller = {
  receive: () => Promise.reject(new ForwarderError('refused', 'kubelet sends no descriptors')),
};
