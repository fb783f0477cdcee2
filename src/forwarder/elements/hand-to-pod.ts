import { markServed } from '../../mechanism/vfio/bind-group.js';
import { checkDevice, setUpDevice } from '../../mechanism/vfio/deliver-device.js';
import type { DeliveredDevice } from '../../mechanism/vfio/device-plan.js';
import { inspectReadyDevice } from '../../mechanism/vfio/inspect-device.js';
import type { VfioWorld } from '../../mechanism/vfio/vfio-world.js';
import { ForwarderError } from '../../ports/error.js';
import type { PciAddress } from '../../ports/pci-address.js';
import { parseTokenId } from '../../resourcepool/token-id.js';
import type { HeldConnection } from '../chain/held-connection.js';
import { memoryKey } from '../chain/held-connection.js';
import type { Delivery } from './choose-mechanism.js';
import { claimFunction, type Functions } from './claim-function.js';

/** A VF that a pod has as a device. Plain data. */
export interface HandedDevice {
  readonly function: PciAddress;
  readonly device: DeliveredDevice;
  /** No IOMMU stands behind its group: its node has another name on the host. */
  readonly noIommu: boolean;
}

const handedKey = memoryKey<HandedDevice>('device handed to a pod');

/** What was handed to a pod; undefined before it was. */
export function handedDevice({ memory }: HeldConnection): HandedDevice | undefined {
  return memory.get(handedKey);
}

/**
 * Makes a VF the device of the pod that has the token, the token being the `tokenID` of the mechanism. Kubelet has the
 * container runtime let the pod open it, so there is no place to look for and no access to give; and nobody further on.
 */
export function handToPod({
  world,
  functions,
}: {
  readonly world: VfioWorld;
  readonly functions: Functions;
}): Pick<Delivery, 'name' | 'request' | 'inspect'> {
  return {
    name: 'hand-to-pod',
    async inspect(held) {
      const handed = handedDevice(held);
      if (handed === undefined) return { kind: 'gone', reason: 'no device was handed over' };
      return inspectReadyDevice(world, handed);
    },
    async request(call) {
      const { held, connection, signal } = call;
      const token = parseTokenId(connection.mechanism?.parameters['tokenID'] ?? '');
      if (held.established !== undefined) throw new ForwarderError('exists', `the pod has a VF for ${token} already`);
      const assignment = await claimFunction(functions, { token, driverType: 'vfio-pci' }, call);
      const { function: address, physicalFunction, vfIndex } = assignment;
      const work = { ledger: held.ledger, signal };
      await checkDevice(world, { function: address }, work);
      const plan = { function: address, physicalFunction, vfIndex };
      const { device, noIommu, binding } = await setUpDevice(world, plan, work);
      markServed(binding, work);
      held.memory.set(handedKey, { function: address, device, noIommu });
      return connection;
    },
  };
}
