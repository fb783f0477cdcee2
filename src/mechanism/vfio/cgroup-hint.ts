import type { Cgroup } from '../../ports/device-access.js';
import { ForwarderError } from '../../ports/error.js';
import { type PodUid, pathBelowPod, podOfPath } from '../../ports/pod-cgroup.js';

/**
 * What of its pod a client's `cgroupDir` (nsm-wire 2.2) asks access for: a path below the pod's own cgroup, `''` for all
 * its containers. It is a hint and can only narrow: whose pod it is, kubelet says. Nothing, `*` and `/` say nothing, as
 * what a client sees of its cgroup in a private namespace says nothing.
 *
 * @throws ForwarderError `invalid` for a path that no client has any reason to send, `refused` for one that does not
 *   lead into the pod
 */
export function readCgroupHint(cgroupDir: string | undefined, pod: PodUid): string {
  const components = componentsOf(cgroupDir);
  if (components.length === 0) return '';
  const below = pathBelowPod(components, pod);
  if (below !== undefined) return below;
  throw new ForwarderError('refused', `cgroupDir ${JSON.stringify(cgroupDir)} is not in the pod that has the token`);
}

/**
 * The pod that the client's path itself names, for nodes on which nobody else says whose a token is.
 *
 * @throws ForwarderError `invalid` as above, `refused` when it names none
 */
export function podOfCgroupHint(cgroupDir: string | undefined): PodUid {
  const pod = podOfPath(componentsOf(cgroupDir));
  if (pod !== undefined) return pod;
  throw new ForwarderError('refused', `cgroupDir ${JSON.stringify(cgroupDir ?? '')} does not name the cgroup of a pod`);
}

/**
 * Those of a pod's cgroups in which the client may be, and all between them and the pod's own, without whose leave there
 * is no access in them.
 *
 * @param cgroups - the pod's own first
 * @returns none when there is no such container
 */
export function narrowCgroups(cgroups: readonly Cgroup[], below: string): readonly Cgroup[] {
  const [pod] = cgroups;
  if (pod === undefined) return [];
  const top = below === '' ? pod.path : `${pod.path}/${below}`;
  const isWithin = ({ path }: Cgroup) => path !== pod.path && (path === top || path.startsWith(`${top}/`));
  if (!cgroups.some(isWithin)) return [];
  return cgroups.filter((it) => isWithin(it) || top === it.path || top.startsWith(`${it.path}/`));
}

/** Without the slash in front and the `*` at the end. */
function componentsOf(cgroupDir: string | undefined): readonly string[] {
  const text = (cgroupDir ?? '').replace(/^\//, '');
  if (text === '' || text === '*') return [];
  const components = text.split('/');
  if (components.at(-1) === '*') components.pop();
  const strange = components.find((it) => it === '' || it === '.' || it === '..' || /[*?[\]\\\0]/.test(it));
  if (strange === undefined) return components;
  throw new ForwarderError(
    'invalid',
    `cgroupDir ${JSON.stringify(cgroupDir)} has the part ${JSON.stringify(strange)}: ` +
      'expected the path of a cgroup, of which only the last part may be "*"',
  );
}
