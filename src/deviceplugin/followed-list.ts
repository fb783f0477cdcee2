/** Looks in a row that say the same before it is believed: one may fall between a change and kubelet's taking it in. */
const LOOKS = 2;

/**
 * Whose list kubelet goes by for a resource:
 *
 * - `ours`: as far as can be seen.
 * - `rival`: another plugin's, which has registered the same name; `ids` are some of its own.
 * - `nobody`: none of our healthy tokens counts, although our stream is open: kubelet has dropped us without a word.
 */
export type Followed =
  | { readonly kind: 'ours' }
  | { readonly kind: 'rival'; readonly ids: readonly string[] }
  | { readonly kind: 'nobody' };

/** What one look sees. */
export interface Look {
  /** What kubelet says can be allocated under the name. */
  readonly counted: ReadonlySet<string>;
  /** Every id of ours, healthy or not. */
  readonly own: ReadonlySet<string>;
  /** Those that kubelet was told to be healthy. */
  readonly healthy: ReadonlySet<string>;
}

/** How many of a rival's ids are named. */
const SAMPLE = 3;
/** How much of each; the proto allows 63 characters. */
const longest = 80;

/**
 * Tells whether kubelet still goes by our list. It keeps one endpoint for each resource name and lets the newest
 * registration replace the one before, whose stream it goes on reading; it tells neither of them.
 */
export class FollowedList {
  #before: Followed['kind'] = 'ours';
  #times = LOOKS;

  /** What is so by now; undefined while it is not sure. */
  look(seen: Look): Followed | undefined {
    const now = judge(seen);
    this.#times = now.kind === this.#before ? this.#times + 1 : 1;
    this.#before = now.kind;
    return this.#times >= LOOKS ? now : undefined;
  }
}

function judge({ counted, own, healthy }: Look): Followed {
  const ids = [...counted].filter((id) => !own.has(id));
  if (ids.length > 0) return { kind: 'rival', ids: ids.slice(0, SAMPLE).map((id) => id.slice(0, longest)) };
  const forgotten = healthy.size > 0 && ![...healthy].some((id) => counted.has(id));
  return { kind: forgotten ? 'nobody' : 'ours' };
}
