import type { ListPodResourcesResponse, PodResources } from '../../apis/generated/podresources-v1.js';
import type { AdmittedPod } from './checkpoint.js';

/** Admitted pods as the pod-resources API shows them; v1alpha1 is the same with fewer fields. */
export function podList(pods: readonly AdmittedPod[]): ListPodResourcesResponse {
  return { podResources: pods.map(podResources) };
}

/** One pod as the pod-resources API shows it. */
export function podResources({ wish, grants }: AdmittedPod): PodResources {
  const devices = [...grants].map(([resourceName, { ids }]) => ({
    resourceName,
    deviceIds: [...ids],
    topology: undefined,
  }));
  const container = { name: wish.container, devices, cpuIds: [], memory: [], dynamicResources: [] };
  return { name: wish.name, namespace: wish.namespace, containers: [container], cpuIds: [], memory: [] };
}
