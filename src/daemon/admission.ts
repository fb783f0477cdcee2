import type { SupposedOwner } from '../deviceplugin/owner-lookup.js';
import type { TokenOwner } from '../deviceplugin/pod-resources.js';
import type { TokenDoor } from '../forwarder/elements/claim-function.js';
import { ForwarderError } from '../ports/error.js';
import type { TokenId } from '../resourcepool/token-id.js';
import type { TokenUsers } from '../resourcepool/token-users.js';
import { podOfSpiffeId } from './pod-of-spiffe-id.js';
import { type VfHomeParts, vfHome } from './vf-home.js';

/** What admission works with. */
export interface AdmissionParts extends VfHomeParts {
  readonly users: TokenUsers;
  /** NSM_SPIFFE_ID_TEMPLATE; absent where clients' SPIFFE ids say nothing about pods. */
  readonly template?: string;
  /** Who holds a token, by kubelet's account. */
  readonly ownerOf: (token: TokenId, supposed: SupposedOwner, signal: AbortSignal) => Promise<TokenOwner | undefined>;
}

/** For tokens of which kubelet itself says whose they are: only waits for a VF on its way home from the last pod. */
export function podDoor(parts: VfHomeParts): TokenDoor {
  return { admit: (token, _nobody, signal) => vfHome(parts, token, signal), admitted: () => undefined };
}

/** Decides who may use a token: the pod that has it, and of that the client that was the first to use it. */
export class Admission implements TokenDoor {
  readonly #parts: AdmissionParts;

  constructor(parts: AdmissionParts) {
    this.#parts = parts;
  }

  /**
   * To be passed before a token is claimed. Waits for a VF that is on its way home from the token's last pod.
   *
   * @param user the client's own SPIFFE id, absent when it showed none
   * @throws ForwarderError `denied` when the token is somebody else's, `unavailable` when kubelet has to be asked and
   *   does not answer, or the signal's reason
   */
  async admit(token: TokenId, user: string | undefined, signal: AbortSignal): Promise<void> {
    const { users, template } = this.#parts;
    if (template !== undefined) await this.#assertOwner(template, { token, user }, signal);
    await vfHome(this.#parts, token, signal);
    users.admit(token, user ?? 'a client without SPIFFE id');
  }

  /**
   * To be called once the claim is granted: from now on the token is the user's.
   *
   * @throws ForwarderError `exhausted` when it cannot be put on record; the claim has to be given up then
   */
  admitted(token: TokenId, user: string | undefined): void {
    const name = this.#parts.pool.token(token)?.name;
    if (name !== undefined && user !== undefined) this.#parts.users.bind(token, { name, user });
  }

  async #assertOwner(
    template: string,
    { token, user }: { readonly token: TokenId; readonly user: string | undefined },
    signal: AbortSignal,
  ): Promise<void> {
    const named = user === undefined ? undefined : podOfSpiffeId(template, user);
    if (named === undefined) {
      throw new ForwarderError(
        'denied',
        `${user ?? 'a client without SPIFFE id'} does not follow ${template}: no pod is known`,
      );
    }
    const owner = await this.#parts.ownerOf(token, named, signal);
    const { namespace = owner?.namespace, pod = owner?.pod } = named;
    if (owner !== undefined && owner.namespace === namespace && owner.pod === pod) return;
    throw new ForwarderError('denied', `token ${token} is not of the pod that ${user} names, by what kubelet says`);
  }
}
