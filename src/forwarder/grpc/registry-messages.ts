import type { NetworkService, NetworkServiceEndpoint } from '../../../apis/generated/registry.js';

/** A network service to look for. */
export function serviceNamed(name: string, payload: string): NetworkService {
  return { name, payload, matches: [], pathIds: [] };
}

/** An endpoint to look for or to register; what is not given matches everything. */
export function endpointNamed(given: {
  readonly name?: string;
  readonly services?: readonly string[];
  readonly url?: string;
  readonly labels?: Readonly<Record<string, string>>;
}): NetworkServiceEndpoint {
  const services = [...(given.services ?? [])];
  const labels = given.labels;
  return {
    name: given.name ?? '',
    networkServiceNames: services,
    networkServiceLabels:
      labels === undefined ? {} : Object.fromEntries(services.map((it) => [it, { labels: { ...labels } }])),
    url: given.url ?? '',
    expirationTime: undefined,
    initialRegistrationTime: undefined,
    pathIds: [],
  };
}
