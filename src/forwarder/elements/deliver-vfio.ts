import type { Connection, Mechanism } from '../../../apis/generated/connection.js';
import { checkDevice, deliverDevice } from '../../mechanism/vfio/deliver-device.js';
import type { DeliveredDevice, DevicePlan } from '../../mechanism/vfio/device-plan.js';
import { inspectDevice } from '../../mechanism/vfio/inspect-device.js';
import { refreshDevice } from '../../mechanism/vfio/refresh-device.js';
import type { VfioWorld } from '../../mechanism/vfio/vfio-world.js';
import { ForwarderError } from '../../ports/error.js';
import type { Call } from '../chain/call.js';
import { memoryKey } from '../chain/held-connection.js';
import type { Delivery } from './choose-mechanism.js';
import { type Assignment, claimFunction, type Functions } from './claim-function.js';
import { type ClientLocator, locateClient } from './locate-client.js';
import { readContextPlan } from './read-netdev-plan.js';
import { readVfioRequest } from './vfio-request.js';

/** What the delivery of devices works with. */
export interface VfioParts extends ClientLocator {
  readonly world: VfioWorld;
  readonly functions: Functions;
}

interface Delivered {
  readonly plan: DevicePlan;
  readonly device: DeliveredDevice;
}

const deliveredKey = memoryKey<Delivered>('delivered device');

/**
 * VFIO: the device of a claimed VF, to be opened by the client's pod.
 *
 * Going down: the pod is found out, a VF claimed, and all looked at that could stand in the way, so that a request that
 * cannot be served costs the next hop nothing. Coming back, the next hop's answer says what MAC and VLAN there shall be:
 * only then anything is done. A refresh changes settings where they are, and makes sure of the pod's access.
 */
export function deliverVfio(parts: VfioParts): Delivery {
  const { world, functions } = parts;
  return {
    name: 'deliver-vfio',
    types: ['VFIO'],
    driverType: 'vfio-pci',
    remembers: [deliveredKey],
    async inspect({ ledger, memory }, signal) {
      const delivered = memory.get(deliveredKey);
      if (delivered === undefined) return { kind: 'gone', reason: 'no device was delivered' };
      return inspectDevice(world, delivered.plan, { ledger, signal });
    },
    async request(call, next) {
      const { mechanism } = call.connection;
      if (mechanism === undefined) throw new ForwarderError('invalid', 'no mechanism was chosen');
      const request = readVfioRequest(mechanism);
      readContextPlan(call.connection, true); // what is wrong already need not go any further
      const before = call.held.memory.get(deliveredKey);
      const known = before?.plan.client.pod;
      const client = await locateClient(parts, { request, known }, call.signal);
      const assignment = await claimFunction(functions, { token: request.token, driverType: 'vfio-pci' }, call);
      const { ledger } = call.held;
      const work = { ledger, signal: call.signal };
      if (before === undefined) await checkDevice(world, { function: assignment.function, client }, work);
      const answer = await next(call);
      const { mac, vlan } = readContextPlan(answer, true);
      const settings = { ...(mac !== undefined && { mac }), ...(vlan !== undefined && { vlan }) };
      const plan: DevicePlan = { ...placeOf(assignment), client, ...settings };
      const device = await bringTo(world, plan, call);
      return { ...answer, mechanism: answerWith(mechanism, assignment, device) };
    },
  };
}

function placeOf({ function: address, physicalFunction, vfIndex }: Assignment) {
  return { function: address, physicalFunction, vfIndex };
}

async function bringTo(world: VfioWorld, plan: DevicePlan, call: Call): Promise<DeliveredDevice> {
  const { ledger, memory } = call.held;
  const work = { ledger, signal: call.signal };
  const before = memory.get(deliveredKey);
  if (before !== undefined && (await refreshDevice(world, { before: before.plan, plan }, work))) {
    memory.set(deliveredKey, { plan, device: before.device });
    return before.device;
  }
  if (before !== undefined) await takeBack(before.plan, call);
  const device = await deliverDevice(world, plan, work);
  memory.set(deliveredKey, { plan, device });
  return device;
}

/** Undoes the delivery and nothing else: the VF stays claimed, the next hop connected. */
async function takeBack(plan: DevicePlan, { held, log }: Call): Promise<void> {
  log.warn('the device is not what the client was given, it is given again', { function: plan.function });
  const keeps = new Set(['function-claimed', 'onward']);
  held.giveUp();
  const { failures } = await held.ledger.release((entry) => entry.function === plan.function && !keeps.has(entry.kind));
  const [first] = failures;
  if (first !== undefined) throw first;
}

/** As the client shall have it, with the numbers by which it makes its device nodes. */
function answerWith(
  mechanism: Mechanism,
  { function: pciAddress }: Assignment,
  { iommuGroup, container, device }: DeliveredDevice,
): Connection['mechanism'] {
  const numbers = {
    iommuGroup,
    vfioMajor: container.major,
    vfioMinor: container.minor,
    deviceMajor: device.major,
    deviceMinor: device.minor,
  };
  const texts = Object.fromEntries(Object.entries(numbers).map(([name, number]) => [name, String(number)]));
  return { ...mechanism, parameters: { ...mechanism.parameters, pciAddress, ...texts } };
}
