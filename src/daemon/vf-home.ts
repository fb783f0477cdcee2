import type { Clock } from '../ports/clock.js';
import type { ResourcePool } from '../resourcepool/resource-pool.js';
import type { TokenId } from '../resourcepool/token-id.js';

/** What waiting for a VF works with. */
export interface VfHomeParts {
  readonly pool: Pick<ResourcePool, 'token' | 'onChange'>;
  readonly clock: Clock;
  /** Longest wait, in milliseconds. */
  readonly patienceMs: number;
}

/**
 * Waits while the VF of a token is not yet home from the pod that had the token before: kubelet hands a token on as soon
 * as a pod is deleted, and its containers may still be ending. When the time is up it returns all the same; the claim
 * that follows says what is the matter.
 *
 * @throws ForwarderError the signal's reason
 */
export async function vfHome(
  { pool, clock, patienceMs }: VfHomeParts,
  token: TokenId,
  signal: AbortSignal,
): Promise<void> {
  const isAway = () => {
    const view = pool.token(token);
    return view?.podGone === true && view.heldByPod;
  };
  if (!isAway()) return;
  const home = new AbortController();
  using _changes = pool.onChange(() => {
    if (!isAway()) home.abort();
  });
  await clock.sleep(patienceMs, AbortSignal.any([home.signal, signal])).catch(() => undefined);
  signal.throwIfAborted();
}
