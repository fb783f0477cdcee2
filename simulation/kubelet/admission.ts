import { randomUUID } from 'node:crypto';
import type { AdmittedPod, Checkpoint, Grant, PodWish } from './checkpoint.js';
import type { DeviceManager, KnownResource } from './device-manager.js';

/**
 * Admits a pod: allocates the devices of each resource it asks for, in kubelet's way and with kubelet's error texts. A
 * resource that no plugin ever registered is passed over (a standalone kubelet has no scheduler to stop such a pod).
 */
export async function admit(wish: PodWish, devices: DeviceManager, checkpoint: Checkpoint): Promise<AdmittedPod> {
  const grants = new Map<string, Grant>();
  for (const [resource, count] of Object.entries(wish.requests)) {
    const known = devices.find(resource);
    if (known !== undefined) grants.set(resource, await allocate({ resource, count, known, checkpoint }));
  }
  const pod = { uid: randomUUID(), wish, grants };
  checkpoint.add(pod);
  checkpoint.write();
  return pod;
}

interface Allocation {
  readonly resource: string;
  readonly count: number;
  readonly known: KnownResource;
  readonly checkpoint: Checkpoint;
}

async function allocate(allocation: Allocation): Promise<Grant> {
  const { resource, known } = allocation;
  if (known.endpoint === undefined) throw new Error(`cannot allocate unregistered device ${resource}`);
  const ids = await choose(allocation);
  const { containerResponses } = await known.endpoint.allocate(ids);
  const [response] = containerResponses;
  if (response === undefined) throw new Error('no containers return in allocation response');
  if (known.options.preStartRequired) await known.endpoint.preStart(ids);
  return { ids, response };
}

async function choose({ resource, count, known, checkpoint }: Allocation): Promise<string[]> {
  const healthy = known.devices.filter(({ health }) => health === 'Healthy').map(({ ID }) => ID);
  if (healthy.length === 0) {
    throw new Error(`no healthy devices present; cannot allocate unhealthy devices ${resource}`);
  }
  const held = checkpoint.held(resource);
  const free = healthy.filter((id) => !held.has(id));
  if (free.length < count) {
    const figures = `Requested: ${count}, Available: ${free.length}`;
    throw new Error(`requested number of devices unavailable for ${resource}. ${figures}`);
  }
  return prefer({ known, free, count });
}

async function prefer(choice: { known: KnownResource; free: string[]; count: number }): Promise<string[]> {
  const { known, free, count } = choice;
  if (!known.options.getPreferredAllocationAvailable || free.length === count) return free.slice(0, count);
  const request = { availableDeviceIDs: free, mustIncludeDeviceIDs: [], allocationSize: count };
  const answer = await known.endpoint?.preferred({ containerRequests: [request] });
  const preferred = answer?.containerResponses[0]?.deviceIDs.filter((id) => free.includes(id)) ?? [];
  return [...new Set([...preferred, ...free])].slice(0, count);
}
