import type { ContainerAllocateResponse, DeviceSpec } from '../../apis/generated/deviceplugin-v1beta1.js';
import type { GivenDevice } from './device-giver.js';

/** Where device nodes are, on every host and in every container: kubelet and the runtime know no other root. */
const folder = '/dev/vfio';
const container = `${folder}/vfio`;

/**
 * What a container gets beside the environment of its tokens so that it can open its VFs: their device nodes, and the
 * variables by which programs written for the SR-IOV network device plugin find them (kubernetes-and-neighbours.md B3.5,
 * B3.6).
 */
export function deviceAnswer(
  resource: string,
  given: readonly GivenDevice[],
): Pick<ContainerAllocateResponse, 'envs' | 'devices'> {
  if (given.length === 0) return { envs: {}, devices: [] };
  const variable = `PCIDEVICE_${resource.replace(/[./]/g, '_').toUpperCase()}`;
  const info = given.map((it) => [it.address, { generic: { deviceID: it.address }, vfio: nodesOf(it) }]);
  const envs = {
    [variable]: given.map(({ address }) => address).join(','),
    [`${variable}_INFO`]: JSON.stringify(Object.fromEntries(info)),
  };
  return { envs, devices: specsOf(given) };
}

function nodesOf({ iommuGroup }: GivenDevice) {
  return { 'dev-mount': `${folder}/${iommuGroup}`, mount: container };
}

/** Each node once: VFs may share a group. A group without an IOMMU has another name on the host than for its user. */
function specsOf(given: readonly GivenDevice[]): DeviceSpec[] {
  const groups = new Map(given.map(({ iommuGroup, noIommu }) => [iommuGroup, noIommu ? 'noiommu-' : '']));
  const permissions = 'rw';
  return [
    { containerPath: container, hostPath: container, permissions },
    ...[...groups].map(([group, kind]) => ({
      containerPath: `${folder}/${group}`,
      hostPath: `${folder}/${kind}${group}`,
      permissions,
    })),
  ];
}
