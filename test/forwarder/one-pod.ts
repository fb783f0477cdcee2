import type { Connection } from '../../apis/generated/connection.js';
import type { DeviceNumber } from '../../src/ports/device-access.js';
import { type PodUid, parsePodUid } from '../../src/ports/pod-cgroup.js';
import { type OneClient, oneClient } from './one-client.js';
import type { SimulatedForwarder, SimulatedForwarderOptions } from './simulated-forwarder.js';

export const podUid = parsePodUid('6b0c3c1e-93a4-4d3b-9c2e-0f1d2a3b4c5d');
export const otherPodUid = parsePodUid('9f0c3c1e-93a4-4d3b-9c2e-0f1d2a3b4c5e');

/** Of `/dev/vfio/vfio`. */
export const usual: DeviceNumber = { major: 10, minor: 196 };

/** What a Go client of the pod sends: all containers, from the root of the devices hierarchy. */
export const cgroupDir = `kubepods/burstable/pod${podUid}/*`;

/** A client of VFIO in a pod that has four tokens; its namespace is that of {@link oneClient}. */
export async function onePod(options: SimulatedForwarderOptions = {}): Promise<OneClient> {
  const made = await oneClient(options);
  const { world, wish, tokens } = made;
  world.node.pods.add(podUid, { tokens });
  return { ...made, wish: { ...wish, type: 'VFIO', parameters: { cgroupDir } }, untouched: world.state() };
}

/** The devices in an answer, as its client makes nodes for them. */
export function devicesOf(answer: Connection): { readonly container: DeviceNumber; readonly device: DeviceNumber } {
  const { vfioMajor, vfioMinor, deviceMajor, deviceMinor } = answer.mechanism?.parameters ?? {};
  return {
    container: { major: Number(vfioMajor), minor: Number(vfioMinor) },
    device: { major: Number(deviceMajor), minor: Number(deviceMinor) },
  };
}

/** Whether a container of the pod can open the group of an answer. */
export function canOpen(
  world: SimulatedForwarder,
  answer: Connection,
  { pod = podUid, container = 'main' }: { readonly pod?: PodUid; readonly container?: string } = {},
): boolean {
  const { container: first, device } = devicesOf(answer);
  return [first, device].every((it) => world.node.pods.mayOpen(pod, container, it));
}
