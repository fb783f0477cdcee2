import type {
  AllocateRequest,
  AllocateResponse,
  ContainerAllocateResponse,
} from '../../apis/generated/deviceplugin-v1beta1.js';
import { ForwarderError } from '../ports/error.js';
import { tokenEnvironment } from './token-environment.js';
import type { TokenOffer } from './token-offer.js';

/**
 * Answers kubelet's Allocate: one response for each container request, in order, with the token environment. Every id of
 * the whole request is checked before any changes; a refused request leaves the offer as it was. Asking again for what
 * is allocated is no error (a kubelet that lost its checkpoint does).
 *
 * @throws ForwarderError `not-found` (an id that is not one of this resource's), `invalid` (an id twice), `refused`
 */
export function allocateTokens(offer: TokenOffer, resource: string, request: AllocateRequest): AllocateResponse {
  const ids = request.containerRequests.flatMap(({ devicesIds }) => devicesIds);
  checkIds(offer, resource, ids);
  if (ids.length > 0) offer.allocate(ids);
  return {
    containerResponses: request.containerRequests.map(({ devicesIds }) => containerAnswer(resource, devicesIds)),
  };
}

function checkIds(offer: TokenOffer, resource: string, ids: readonly string[]): void {
  const known = new Set(offer.tokens(resource).map(({ id }) => id));
  const seen = new Set<string>();
  for (const id of ids) {
    if (!known.has(id)) throw new ForwarderError('not-found', `${resource} has no token ${JSON.stringify(id)}`);
    if (seen.has(id)) throw new ForwarderError('invalid', `the token ${id} is asked for twice in one request`);
    seen.add(id);
  }
}

function containerAnswer(resource: string, ids: readonly string[]): ContainerAllocateResponse {
  return { envs: tokenEnvironment(resource, ids), mounts: [], devices: [], annotations: {}, cdiDevices: [] };
}
