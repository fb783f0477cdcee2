import type { NetworkService, NetworkServiceEndpoint } from '../../../apis/generated/registry.js';
import { milliseconds } from '../chain/timestamp.js';

type Labels = Readonly<Record<string, string>>;

/**
 * The endpoints of a service that a request with these labels may go to, in the order in which the service's matches
 * name them (nsm-wire 3.5). Expired endpoints count for nothing.
 */
export function matchEndpoints(
  service: NetworkService,
  endpoints: readonly NetworkServiceEndpoint[],
  { labels, now }: { readonly labels: Labels; readonly now: number },
): NetworkServiceEndpoint[] {
  const alive = endpoints.filter((it) => it.expirationTime === undefined || milliseconds(it.expirationTime) > now);
  if (service.matches.length === 0) return alive;
  for (const match of service.matches) {
    if (!isSubset(match.sourceSelector, labels, labels)) continue;
    const found = match.routes.flatMap((route) =>
      alive.filter((it) =>
        isSubset(route.destinationSelector, it.networkServiceLabels[service.name]?.labels ?? {}, labels),
      ),
    );
    if (found.length > 0) return found;
    if (match.fallthrough) continue;
    return match.metadata !== undefined && match.routes.length === 0 ? alive : [];
  }
  return [];
}

/** Every wanted label is there with its value, literally or after its template was filled in from the request. */
function isSubset(wanted: Labels, present: Labels, request: Labels): boolean {
  return Object.entries(wanted).every(
    ([key, value]) => present[key] === value || present[key] === fillIn(value, request),
  );
}

/** Go text templates as NSM services use them: `{{ .nodeName }}` and nothing more. */
function fillIn(template: string, labels: Labels): string {
  return template.replace(/\{\{-?\s*(?:\.(\w+)|index \. "([^"]+)")\s*-?\}\}/g, (_, field, indexed) => {
    return labels[field ?? indexed] ?? '<no value>';
  });
}
