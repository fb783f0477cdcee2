import type {
  AllocateRequest,
  AllocateResponse,
  ContainerAllocateRequest,
  ContainerAllocateResponse,
} from '../../apis/generated/deviceplugin-v1beta1.js';
import { ForwarderError } from '../ports/error.js';
import { deviceAnswer } from './device-answer.js';
import type { GivenDevice } from './device-giver.js';
import { quotedId } from './quoted-id.js';
import { tokenEnvironment } from './token-environment.js';
import type { TokenOffer } from './token-offer.js';

/** Gives each token its VF, by token: all or none. */
export type GiveDevices = (tokens: readonly string[]) => Promise<ReadonlyMap<string, GivenDevice>>;

/** Where tokens are allocated, and what they are worth at once; without `give` they are worth a connection each. */
export interface Allocation {
  readonly offer: TokenOffer;
  readonly resource: string;
  readonly give?: GiveDevices;
}

/**
 * Answers kubelet's Allocate: one response for each container request, in order, with the token environment. Every id of
 * the whole request is checked before any changes; a refused request leaves the offer as it was. Asking again for what
 * is allocated is no error (a kubelet that lost its checkpoint does).
 *
 * @throws ForwarderError `not-found` (an id that is not one of this resource's), `invalid` (an id twice), `refused`, or
 *   why there is no VF
 */
export async function allocateTokens(allocation: Allocation, request: AllocateRequest): Promise<AllocateResponse> {
  const { offer, resource, give } = allocation;
  const ids = request.containerRequests.flatMap(({ devicesIds }) => devicesIds);
  const fresh = checkIds(allocation, ids);
  if (ids.length > 0) offer.allocate(ids);
  const given =
    give === undefined ? undefined : await give(ids).catch((thrown: unknown) => failed(offer, fresh, thrown));
  const answer = (one: ContainerAllocateRequest) => containerAnswer(resource, one, given);
  return { containerResponses: request.containerRequests.map(answer) };
}

/** @returns those of the ids that no pod has */
function checkIds({ offer, resource }: Allocation, ids: readonly string[]): readonly string[] {
  const known = new Map(offer.tokens(resource).map((token) => [token.id, token]));
  const seen = new Set<string>();
  for (const id of ids) {
    if (!known.has(id)) throw new ForwarderError('not-found', `${resource} has no token ${quotedId(id)}`);
    if (seen.has(id)) throw new ForwarderError('invalid', `the token ${id} is asked for twice in one request`);
    seen.add(id);
  }
  return ids.filter((id) => known.get(id)?.heldByPod === false);
}

function failed(offer: TokenOffer, fresh: readonly string[], thrown: unknown): never {
  if (fresh.length > 0) offer.free(fresh);
  throw thrown;
}

function containerAnswer(
  resource: string,
  { devicesIds: ids }: ContainerAllocateRequest,
  given: ReadonlyMap<string, GivenDevice> = new Map(),
): ContainerAllocateResponse {
  const { envs, devices } = deviceAnswer(
    resource,
    ids.flatMap((id) => given.get(id) ?? []),
  );
  return {
    envs: { ...tokenEnvironment(resource, ids), ...envs },
    mounts: [],
    devices,
    annotations: {},
    cdiDevices: [],
  };
}
