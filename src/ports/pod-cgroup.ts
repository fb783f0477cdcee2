import { ForwarderError } from './error.js';

/** What Kubernetes calls a pod by: a UUID, or for static pods 32 hexadecimal digits. Never used twice. */
export type PodUid = string & { readonly __podUid: never };

const uidPattern = /^[0-9A-Za-z](?:[0-9A-Za-z-]{0,61}[0-9A-Za-z])?$/;
const qosClasses = ['burstable', 'besteffort'];

/**
 * Reads a pod's UID. It becomes part of a folder's name, so it has letters, digits and dashes only.
 *
 * @throws ForwarderError `invalid`, naming the value and the rule
 */
export function parsePodUid(text: string): PodUid {
  if (uidPattern.test(text)) return text as PodUid;
  throw new ForwarderError(
    'invalid',
    `${JSON.stringify(text)} is not a pod's UID: expected 1 to 63 letters, digits and dashes`,
  );
}

/**
 * True for the name of a folder in which kubelet keeps all pods of a node: `kubepods` (driver cgroupfs) or
 * `kubepods.slice` (systemd, where what is above shows in the name: `kubelet-kubepods.slice`).
 */
export function isPodsFolder(name: string): boolean {
  return name === 'kubepods' || /^(?:[^-/]+-)*kubepods\.slice$/.test(name);
}

/**
 * Where a pod's own folder can be below a pods folder, one place for each QoS class (kubelet's cgroup manager):
 * `burstable/pod<uid>`, or `kubepods-burstable.slice/kubepods-burstable-pod<uid with _>.slice`. Guaranteed pods have no
 * class in their path.
 *
 * @param podsFolder - the name of the pods folder
 */
export function podFolders(podsFolder: string, pod: PodUid): readonly string[] {
  if (!podsFolder.endsWith('.slice')) return [`pod${pod}`, ...qosClasses.map((qos) => `${qos}/pod${pod}`)];
  const slice = podsFolder.replace(/\.slice$/, '');
  const escaped = pod.replaceAll('-', '_');
  return [
    `${slice}-pod${escaped}.slice`,
    ...qosClasses.map((qos) => `${slice}-${qos}.slice/${slice}-${qos}-pod${escaped}.slice`),
  ];
}

/**
 * The part of a path that lies below the pod's own folder, whatever is above the pods folder: `''` for that folder
 * itself, undefined for a path that does not lead there.
 *
 * @param components - of the path, from the top
 */
export function pathBelowPod(components: readonly string[], pod: PodUid): string | undefined {
  for (const [position, name] of components.entries()) {
    if (!isPodsFolder(name)) continue;
    const below = `${components.slice(position + 1).join('/')}/`;
    const folder = podFolders(name, pod).find((it) => below.startsWith(`${it}/`));
    if (folder !== undefined) return below.slice(folder.length + 1, -1);
  }
  return undefined;
}

/** The pod into whose folder a path leads, by kubelet's layouts alone; undefined when it leads into none. */
export function podOfPath(components: readonly string[]): PodUid | undefined {
  for (const name of components) {
    const uid = /^(?:[^/]+-)?pod([0-9A-Za-z_-]+?)(?:\.slice)?$/.exec(name)?.[1]?.replaceAll('_', '-') ?? '';
    if (uidPattern.test(uid) && pathBelowPod(components, uid as PodUid) !== undefined) return uid as PodUid;
  }
  return undefined;
}
