import type {
  ContainerPreferredAllocationRequest,
  PreferredAllocationRequest,
  PreferredAllocationResponse,
} from '../../apis/generated/deviceplugin-v1beta1.js';

/**
 * The ids to prefer: those kubelet must take, then the others in its own order. Tokens of one name are
 * interchangeable until a connection asks for its VF, so no choice is better than another.
 */
export function preferredAllocation(request: PreferredAllocationRequest): PreferredAllocationResponse {
  return { containerResponses: request.containerRequests.map((one) => ({ deviceIDs: preferredIds(one) })) };
}

function preferredIds(request: ContainerPreferredAllocationRequest): string[] {
  const ids = new Set([...request.mustIncludeDeviceIDs, ...request.availableDeviceIDs]);
  return [...ids].slice(0, Math.max(0, request.allocationSize));
}
