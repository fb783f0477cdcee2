import { ForwarderError, toForwarderError } from '../../ports/error.js';
import type { FunctionFacts } from '../../ports/pci-bus.js';
import type { Finding } from '../finding.js';
import type { Work } from '../kernel/configure-ip.js';
import type { DeliveredDevice, DevicePlan } from './device-plan.js';
import { inspectGivenNode } from './given-node.js';
import { keepPodAccess } from './pod-access.js';
import { type VfioWorld, vfioDriver } from './vfio-world.js';

/**
 * Looks whether a delivered device still is what its client was told, and gives its containers back the access that
 * somebody took, or that new ones have not got yet: what only we can mend need not wait for the client.
 *
 * @returns undefined when all is as it should be
 */
export async function inspectDevice(
  world: VfioWorld,
  { function: address }: Pick<DevicePlan, 'function'>,
  work: Work,
): Promise<Finding | undefined> {
  const lost = await inspectDriver(world, address);
  if (lost !== undefined) return lost;
  try {
    await keepPodAccess(world, work);
    return undefined;
  } catch (thrown) {
    const { kind, message } = toForwarderError(thrown);
    const reason = `the client has lost access to VF ${address}: ${message}`;
    return { kind: kind === 'unavailable' ? 'astray' : 'changed', reason };
  }
}

/**
 * The same for a device to which others give access: whoever makes nodes of it goes by the numbers that it had.
 *
 * @returns undefined when all is as it should be
 */
export async function inspectReadyDevice(
  world: VfioWorld,
  { function: address, device }: { readonly function: DevicePlan['function']; readonly device: DeliveredDevice },
): Promise<Finding | undefined> {
  const lost = await inspectDriver(world, address);
  if (lost !== undefined) return lost;
  const reason = await inspectGivenNode(world, device);
  return reason === undefined ? undefined : { kind: 'astray', reason };
}

async function inspectDriver(world: VfioWorld, address: DevicePlan['function']): Promise<Finding | undefined> {
  const facts = await factsOf(world, address);
  if (facts === undefined) return { kind: 'gone', reason: `VF ${address} is gone from the node` };
  if (facts.driver === vfioDriver) return undefined;
  return { kind: 'astray', reason: `VF ${address} has the driver ${facts.driver ?? '(none)'}, not ${vfioDriver}` };
}

async function factsOf(world: VfioWorld, address: DevicePlan['function']): Promise<FunctionFacts | undefined> {
  try {
    return await world.pci.facts(address);
  } catch (error) {
    if (error instanceof ForwarderError && error.kind === 'not-found') return undefined;
    throw error;
  }
}
