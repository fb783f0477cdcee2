import { podOfCgroupHint, readCgroupHint } from '../../mechanism/vfio/cgroup-hint.js';
import type { ClientPlace } from '../../mechanism/vfio/pod-access.js';
import { type ErrorKind, ForwarderError, toForwarderError } from '../../ports/error.js';
import type { PodUid } from '../../ports/pod-cgroup.js';
import type { PodOwners } from '../../ports/pod-owners.js';
import type { VfioRequest } from './vfio-request.js';

/** Who says whose a token is. */
export interface ClientLocator {
  readonly owners: PodOwners;
  /** What to do where nobody can say: refuse, or believe the path of a pod's cgroup that the client sends. */
  readonly unknownOwner: 'refuse' | 'trust-client';
}

/** Kinds of failure that mean that the owner of a token cannot be known, not that there is none. */
const ignorance: readonly ErrorKind[] = ['unavailable', 'unsupported', 'refused', 'timed-out', 'exhausted'];

/**
 * Where the client is: in the pod that has the token, whatever it says of itself; there, where it says. An established
 * connection stays in its pod.
 *
 * @param known - the pod of the connection, when it is established
 * @throws ForwarderError `invalid`, `refused` for a cgroupDir that leads elsewhere; `not-found` when no pod has the
 *   token; when it cannot be known whose it is, with what to set
 */
export async function locateClient(
  locator: ClientLocator,
  { request, known }: { readonly request: VfioRequest; readonly known: PodUid | undefined },
  signal: AbortSignal,
): Promise<ClientPlace> {
  const pod = known ?? (await podOf(locator, request, signal));
  return { pod, below: readCgroupHint(request.cgroupDir, pod) };
}

async function podOf(
  { owners, unknownOwner }: ClientLocator,
  { token, cgroupDir }: VfioRequest,
  signal: AbortSignal,
): Promise<PodUid> {
  try {
    return (await owners.holderOf(token, signal)).pod;
  } catch (thrown) {
    const error = toForwarderError(thrown);
    if (signal.aborted || !ignorance.includes(error.kind)) throw error;
    if (unknownOwner === 'trust-client') return podOfCgroupHint(cgroupDir);
    throw new ForwarderError(
      error.kind,
      `whose token ${token} is cannot be known, so nobody gets its device: ${error.message}. ` +
        "NSM_VFIO_UNKNOWN_OWNER=trust-client would take the client's word for its pod",
      { cause: error },
    );
  }
}
