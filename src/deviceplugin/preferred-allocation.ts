import type {
  ContainerPreferredAllocationRequest,
  PreferredAllocationRequest,
  PreferredAllocationResponse,
} from '../../apis/generated/deviceplugin-v1beta1.js';
import type { OfferedToken } from './token-offer.js';

/**
 * Which tokens a container gets that asks for several (NSM_PREFERRED_ALLOCATION):
 *
 * - `pack`: of as few PFs as can be, so that whole PFs stay free for others;
 * - `spread`: of as many PFs as can be, so that the loss of one leaves the others;
 * - `numa`: of as few NUMA nodes as can be;
 * - `none`: whichever kubelet takes.
 */
export type AllocationPolicy = 'none' | 'pack' | 'spread' | 'numa';

/** What a choice is made among: ids with what is known of them. */
interface Choice {
  readonly must: readonly string[];
  readonly free: readonly string[];
  readonly size: number;
  /** The PF or the NUMA node of an id, as text; the same for all of which it is unknown. */
  readonly placeOf: (id: string) => string;
}

/**
 * The ids to prefer, for each container: those that kubelet must take, then others by the policy. Never more than are
 * asked for, and none but tokens that kubelet says are available: however long its lists are, few are chosen among.
 */
export function preferredAllocation(
  policy: AllocationPolicy,
  tokens: readonly OfferedToken[],
  request: PreferredAllocationRequest,
): PreferredAllocationResponse {
  const known = new Map(tokens.map((token) => [token.id, token]));
  const placeOf = (id: string) => placeText(policy, known.get(id));
  const own = (ids: readonly string[]) => [...new Set(ids)].filter((id) => known.has(id));
  return {
    containerResponses: request.containerRequests.map((one) => {
      const [availableDeviceIDs, mustIncludeDeviceIDs] = [own(one.availableDeviceIDs), own(one.mustIncludeDeviceIDs)];
      return { deviceIDs: preferredIds(policy, { ...one, availableDeviceIDs, mustIncludeDeviceIDs }, placeOf) };
    }),
  };
}

function placeText(policy: AllocationPolicy, token: OfferedToken | undefined): string {
  const place = policy === 'numa' ? (token?.homeNode ?? token?.numaNode) : token?.home;
  return place === undefined ? '' : String(place);
}

function preferredIds(
  policy: AllocationPolicy,
  { mustIncludeDeviceIDs, availableDeviceIDs, allocationSize }: ContainerPreferredAllocationRequest,
  placeOf: (id: string) => string,
): string[] {
  const must = mustIncludeDeviceIDs;
  const free = availableDeviceIDs.filter((id) => !must.includes(id));
  const size = Math.max(0, allocationSize);
  const choice = { must, free, size, placeOf };
  return [...must, ...others(policy, choice)].slice(0, size);
}

function others(policy: AllocationPolicy, choice: Choice): readonly string[] {
  switch (policy) {
    case 'none':
      return choice.free;
    case 'spread':
      return spread(choice);
    case 'pack':
    case 'numa':
      return pack(choice);
  }
}

/** Places in which the container is already come first, then the smallest that has enough, else the largest. */
function pack({ must, free, size, placeOf }: Choice): readonly string[] {
  const left = grouped(free, placeOf);
  const chosen = [...must];
  while (chosen.length < size && left.size > 0) {
    const need = size - chosen.length;
    const inUse = count(chosen.map(placeOf));
    const [place] = [...left]
      .map(([name, ids]) => ({ name, own: inUse.get(name) ?? 0, enough: ids.length >= need, ids: ids.length }))
      .sort(
        (a, b) => b.own - a.own || Number(b.enough) - Number(a.enough) || (a.enough ? a.ids - b.ids : b.ids - a.ids),
      );
    if (place === undefined) break;
    chosen.push(...(left.get(place.name) ?? []).slice(0, need));
    left.delete(place.name);
  }
  return chosen.slice(must.length);
}

/** The next one always from the place of which the container has fewest, of those from the one with most left. */
function spread({ must, free, size, placeOf }: Choice): readonly string[] {
  const left = grouped(free, placeOf);
  const inUse = count(must.map(placeOf));
  const chosen: string[] = [];
  while (must.length + chosen.length < size) {
    const [place] = [...left]
      .filter(([, ids]) => ids.length > 0)
      .sort(([a, idsOfA], [b, idsOfB]) => (inUse.get(a) ?? 0) - (inUse.get(b) ?? 0) || idsOfB.length - idsOfA.length);
    if (place === undefined) break;
    const [name, ids] = place;
    chosen.push(...ids.splice(0, 1));
    inUse.set(name, (inUse.get(name) ?? 0) + 1);
  }
  return chosen;
}

function grouped(ids: readonly string[], placeOf: (id: string) => string): Map<string, string[]> {
  const groups = new Map<string, string[]>();
  for (const id of ids) {
    const place = placeOf(id);
    const known = groups.get(place);
    if (known === undefined) groups.set(place, [id]);
    else known.push(id);
  }
  return groups;
}

function count(places: readonly string[]): Map<string, number> {
  const counts = new Map<string, number>();
  for (const place of places) counts.set(place, (counts.get(place) ?? 0) + 1);
  return counts;
}
