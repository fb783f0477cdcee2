import { type Server, type sendUnaryData, status } from '@grpc/grpc-js';
import {
  ContainerAllocateResponse,
  type RegisterRequest,
  RegistrationService,
} from '../../apis/generated/deviceplugin-v1beta1.js';
import { PodResourcesListerService } from '../../apis/generated/podresources-v1.js';
import { PodResourcesListerService as AlphaPodResourcesListerService } from '../../apis/generated/podresources-v1alpha1.js';
import type { AdmittedPod } from './checkpoint.js';
import type { DeviceManager } from './device-manager.js';
import type { KubeletFaults } from './faults.js';
import { podList, podResources } from './pod-list.js';

/** Adds kubelet's Registration service; `onRegister` does the work and throws the text kubelet answers with. */
export function addRegistration(
  server: Server,
  faults: KubeletFaults,
  onRegister: (request: RegisterRequest) => Promise<void>,
): void {
  server.addService(RegistrationService, {
    register(call: { request: RegisterRequest }, callback: sendUnaryData<object>) {
      if (faults.registerHangs) return;
      onRegister(call.request).then(
        () => callback(null, {}),
        (thrown: unknown) => callback({ code: status.UNKNOWN, details: (thrown as Error).message }),
      );
    },
  });
}

/** What the pod-resources services answer from. */
export interface PodResourcesParts {
  readonly faults: KubeletFaults;
  readonly pods: () => readonly AdmittedPod[];
  readonly devices: DeviceManager;
  /** Called for every List with the API's version. */
  readonly onList: (version: 'v1' | 'v1alpha1') => void;
}

/** Adds the pod-resources API in the given versions. */
export function addPodResources(server: Server, parts: PodResourcesParts, versions: readonly string[]): void {
  const list = (version: 'v1' | 'v1alpha1') => (_call: unknown, callback: sendUnaryData<ReturnType<typeof podList>>) =>
    answerList(parts, version, callback);
  if (versions.includes('v1alpha1')) server.addService(AlphaPodResourcesListerService, { list: list('v1alpha1') });
  if (!versions.includes('v1')) return;
  server.addService(PodResourcesListerService, {
    list: list('v1'),
    get: (call: { request: { podName: string; podNamespace: string } }, callback: sendUnaryData<object>) => {
      const { podName, podNamespace } = call.request;
      if (parts.faults.getError !== undefined) {
        callback(parts.faults.getError);
        return;
      }
      const pod = parts.pods().find(({ wish }) => wish.name === podName && wish.namespace === podNamespace);
      if (pod !== undefined) callback(null, { podResources: podResources(pod) });
      else callback({ code: status.NOT_FOUND, details: `pod ${podName} in namespace ${podNamespace} not found` });
    },
    getAllocatableResources: (_call: unknown, callback: sendUnaryData<object>) =>
      callback(null, { devices: allocatable(parts.devices), cpuIds: [], memory: [] }),
  });
}

function answerList(
  { faults, pods, onList }: PodResourcesParts,
  version: 'v1' | 'v1alpha1',
  callback: sendUnaryData<ReturnType<typeof podList>>,
): void {
  onList(version);
  if (faults.listHangs) return;
  if (faults.listError !== undefined) {
    callback(faults.listError);
    return;
  }
  const empty = faults.emptyLists > 0;
  if (empty) faults.emptyLists -= 1;
  const listed = empty ? [] : pods().filter(({ wish }) => !faults.unlistedPods.includes(wish.name));
  callback(null, podList([...listed, ...strangers(faults)]));
}

function strangers({ strangers: wanted }: KubeletFaults): AdmittedPod[] {
  if (wanted === undefined) return [];
  const { resource, ids } = wanted;
  const response = ContainerAllocateResponse.fromPartial({});
  const wish = { namespace: 'nowhere', name: 'stranger', container: 'c', requests: {} };
  return [{ uid: '00000000-0000-4000-8000-000000000000', wish, grants: new Map([[resource, { ids, response }]]) }];
}

function allocatable(devices: DeviceManager) {
  return devices.names.map((resourceName) => ({
    resourceName,
    deviceIds: (devices.find(resourceName)?.devices ?? []).filter((d) => d.health === 'Healthy').map((d) => d.ID),
    topology: undefined,
  }));
}
