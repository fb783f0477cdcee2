import type { PodUid } from './pod-cgroup.js';

/** The container that has a token. */
export interface TokenHolder {
  readonly pod: PodUid;
  readonly container: string;
}

/** Which pod a token was given to. */
export interface PodOwners {
  /**
   * The holder at this moment.
   *
   * @throws ForwarderError `not-found` when no pod has the token; `unavailable`, `unsupported` or `refused` when it
   *   cannot be known: kubelet does not answer, what it wrote cannot be read, its two accounts differ
   */
  holderOf(token: string, signal: AbortSignal): Promise<TokenHolder>;
}
