import type { Clock } from '../ports/clock.js';
import { toForwarderError } from '../ports/error.js';
import { hasFired } from '../ports/has-fired.js';
import type { Log } from '../ports/log.js';
import type { PciAddress } from '../ports/pci-address.js';
import type { ResourcePool } from '../resourcepool/resource-pool.js';
import type { TokenId } from '../resourcepool/token-id.js';

/** What taking back works with. */
export interface TakeBackParts {
  readonly pool: Pick<ResourcePool, 'token' | 'function'>;
  /** Closes a connection for which nobody asked; its id is that of the VF's owner. */
  readonly close: (connection: string) => Promise<void>;
  readonly clock: Clock;
  readonly log: Log;
  /** NSM_POD_GONE_GRACE: how long a connection may outlive the pod whose token it uses, in milliseconds. */
  readonly graceMs: number;
  /** Ends all waiting. */
  readonly signal: AbortSignal;
}

/**
 * Takes VFs back from pods that are gone although their connections were never closed: kubelet frees a pod's tokens
 * without a word to anybody, and at once, so that a container that still ends gets some time to leave in order.
 */
export class TakeBack {
  readonly #parts: TakeBackParts;
  readonly #waiting = new Map<TokenId, PciAddress>();

  constructor(parts: TakeBackParts) {
    this.#parts = parts;
  }

  /** Kubelet took these tokens back or gave them to other pods. */
  podsGone(tokens: Iterable<TokenId>): void {
    for (const token of tokens) {
      const vf = this.#outlived(token);
      if (vf === undefined || this.#waiting.get(token) === vf) continue;
      this.#waiting.set(token, vf);
      void this.#takeBack(token, vf);
    }
  }

  async #takeBack(token: TokenId, vf: PciAddress): Promise<void> {
    const { clock, graceMs, signal } = this.#parts;
    while (!hasFired(signal) && this.#outlived(token) === vf) {
      await clock.sleep(graceMs, signal).catch(() => undefined);
      if (!hasFired(signal) && this.#outlived(token) === vf) await this.#close(token, vf);
    }
    if (this.#waiting.get(token) === vf) this.#waiting.delete(token);
  }

  async #close(token: TokenId, vf: PciAddress): Promise<void> {
    const { pool, close, log } = this.#parts;
    const use = pool.function(vf)?.use;
    const owners = use?.kind === 'claimed' ? use.owners : [];
    log.warn('the pod of these connections is gone, they are closed', { token, function: vf, connections: owners });
    const ends = await Promise.allSettled(owners.map((owner) => close(owner)));
    for (const { status, ...more } of ends) {
      if (status === 'rejected' && 'reason' in more) {
        log.warn('closing left something undone', { token, reason: toForwarderError(more.reason).message });
      }
    }
  }

  /** The VF in use under the token by the connection of a pod that is gone. */
  #outlived(token: TokenId): PciAddress | undefined {
    const view = this.#parts.pool.token(token);
    return view?.podGone === true ? view.function : undefined;
  }
}
