import type { Clock } from '../ports/clock.js';
import { toForwarderError } from '../ports/error.js';
import type { PodResources, TokenOwner } from './pod-resources.js';

/** How long an answer serves all that ask, in milliseconds: kubelet limits questions, and a mesh may ask a lot. */
const FRESH_MS = 1_000;

/** What a lookup works with. */
export interface OwnerLookupParts {
  readonly podResources: Pick<PodResources, 'list' | 'get'>;
  readonly clock: Clock;
  /** Names of the resources. */
  readonly names: () => readonly string[];
  /** Ends a question that several may wait for. */
  readonly signal: AbortSignal;
}

/** A pod that is said to have a token; both names are there only when both are known. */
export interface SupposedOwner {
  readonly namespace?: string;
  readonly pod?: string;
}

/** True when nothing of what is supposed says otherwise. */
export function isSupposed(owner: TokenOwner, { namespace, pod }: SupposedOwner): boolean {
  return (namespace ?? owner.namespace) === owner.namespace && (pod ?? owner.pod) === owner.pod;
}

/** Asks kubelet at once whose a token is: the regular question may be half a minute old, and a new pod is not in it. */
export class OwnerLookup {
  readonly #parts: OwnerLookupParts;
  #listed: { readonly at: number; readonly owners: Promise<ReadonlyMap<string, TokenOwner>> } | undefined;

  constructor(parts: OwnerLookupParts) {
    this.#parts = parts;
  }

  /**
   * Who has the token. A question about one pod is cheap; about all of them, where kubelet does not serve that or it is
   * not known which pod to ask about.
   *
   * @throws ForwarderError when kubelet does not answer
   */
  async find(token: string, supposed: SupposedOwner, signal: AbortSignal): Promise<TokenOwner | undefined> {
    const { namespace, pod } = supposed;
    if (namespace !== undefined && pod !== undefined) {
      const { podResources, names } = this.#parts;
      const owners = await podResources.get({ namespace, pod }, new Set(names()), signal).catch(() => undefined);
      const owner = owners?.get(token);
      if (owner !== undefined) return owner;
      signal.throwIfAborted();
    }
    return (await unlessAborted(this.#list(), signal)).get(token);
  }

  #list(): Promise<ReadonlyMap<string, TokenOwner>> {
    const { podResources, clock, names, signal } = this.#parts;
    const now = clock.now();
    if (this.#listed !== undefined && now - this.#listed.at < FRESH_MS) return this.#listed.owners;
    const owners = podResources.list(new Set(names()), signal).then((answer) => answer.owners);
    this.#listed = { at: now, owners };
    // One that failed serves nobody else.
    owners.catch(() => {
      if (this.#listed?.owners === owners) this.#listed = undefined;
    });
    return owners;
  }
}

/** The promise for one of those that wait for it: rejects with the signal's reason when that one leaves. */
function unlessAborted<T>(promise: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const left = () => reject(toForwarderError(signal.reason));
    signal.addEventListener('abort', left, { once: true });
    promise.then(resolve, reject).finally(() => signal.removeEventListener('abort', left));
    if (signal.aborted) left();
  });
}
