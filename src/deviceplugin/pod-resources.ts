import { join, resolve } from 'node:path';
import { PodResourcesListerService } from '../../apis/generated/podresources-v1.js';
import { PodResourcesListerService as AlphaPodResourcesListerService } from '../../apis/generated/podresources-v1alpha1.js';
import type { Clock } from '../ports/clock.js';
import { ForwarderError } from '../ports/error.js';
import { type FileIdentity, fileIdentity } from './socket-file.js';
import { callOnce } from './unary-call.js';

/** As long as kubelet's own clients wait. */
const LIST_MS = 10_000;

/** The container that kubelet says holds a token. */
export interface TokenOwner {
  readonly namespace: string;
  readonly pod: string;
  readonly container: string;
  readonly resource: string;
}

/** One good answer. */
export interface PodResourcesAnswer {
  /** Which kubelet said it: another value after a restart. */
  readonly kubelet: FileIdentity;
  /** How many pods it lists, with devices or without. */
  readonly pods: number;
  /** By token id; only ids of the resources asked for. */
  readonly owners: ReadonlyMap<string, TokenOwner>;
}

/** The part of a List answer that v1 and v1alpha1 share, with the same field numbers. */
interface ListAnswer {
  readonly podResources: readonly {
    readonly name: string;
    readonly namespace: string;
    readonly containers: readonly {
      readonly name: string;
      readonly devices: readonly { readonly resourceName: string; readonly deviceIds: readonly string[] }[];
    }[];
  }[];
}

/** Asks kubelet which pod holds which token (kubelet: pod resources API, v1 and where that is missing v1alpha1). */
export class PodResources {
  readonly #socket: string;
  readonly #clock: Clock;

  /** `path` is the folder of kubelet's pod-resources socket. */
  constructor(path: string, clock: Clock) {
    this.#socket = join(resolve(path), 'kubelet.sock');
    this.#clock = clock;
  }

  /** @throws ForwarderError `unavailable`, `timed-out` (10 s), `exhausted` (rate limit, or more than 16 MiB), ... */
  async list(resources: ReadonlySet<string>, signal: AbortSignal): Promise<PodResourcesAnswer> {
    using deadline = this.#clock.deadline('asking kubelet which pods hold tokens', LIST_MS, signal);
    const kubelet = await fileIdentity(this.#socket);
    const answer = await this.#call(deadline.signal);
    if (kubelet === undefined || kubelet !== (await fileIdentity(this.#socket))) {
      throw new ForwarderError('unavailable', `${this.#socket} was replaced while kubelet answered`);
    }
    return { kubelet, pods: answer.podResources.length, owners: ownersOf(answer, resources) };
  }

  /**
   * Who holds which token of one pod, by token id; nobody when kubelet does not know the pod.
   *
   * @throws ForwarderError by a kubelet that does not serve this, otherwise as {@link PodResources.list}
   */
  async get(
    { namespace, pod }: Pick<TokenOwner, 'namespace' | 'pod'>,
    resources: ReadonlySet<string>,
    signal: AbortSignal,
  ): Promise<ReadonlyMap<string, TokenOwner>> {
    using deadline = this.#clock.deadline('asking kubelet which tokens a pod holds', LIST_MS, signal);
    const { podResources } = await callOnce({
      socket: this.#socket,
      request: { podName: pod, podNamespace: namespace },
      signal: deadline.signal,
      method: PodResourcesListerService.get,
    });
    return ownersOf({ podResources: podResources === undefined ? [] : [podResources] }, resources);
  }

  /**
   * What can be allocated, by kubelet's own account: healthy ids by resource name.
   *
   * @throws ForwarderError `unsupported` by a kubelet that speaks v1alpha1 only, otherwise as {@link PodResources.list}
   */
  async allocatable(signal: AbortSignal): Promise<ReadonlyMap<string, ReadonlySet<string>>> {
    using deadline = this.#clock.deadline('asking kubelet what can be allocated', LIST_MS, signal);
    const method = PodResourcesListerService.getAllocatableResources;
    const { devices } = await callOnce({ socket: this.#socket, request: {}, signal: deadline.signal, method });
    const ids = new Map<string, Set<string>>();
    for (const { resourceName, deviceIds } of devices) {
      // One entry for each NUMA node.
      const known = ids.get(resourceName) ?? new Set();
      for (const id of deviceIds) known.add(id);
      ids.set(resourceName, known);
    }
    return ids;
  }

  async #call(signal: AbortSignal): Promise<ListAnswer> {
    const call = { socket: this.#socket, request: {}, signal };
    try {
      return await callOnce({ ...call, method: PodResourcesListerService.list });
    } catch (thrown) {
      if (!(thrown instanceof ForwarderError) || thrown.kind !== 'unsupported') throw thrown;
      return callOnce({ ...call, method: AlphaPodResourcesListerService.list });
    }
  }
}

function ownersOf(answer: ListAnswer, resources: ReadonlySet<string>): Map<string, TokenOwner> {
  const owners = answer.podResources.flatMap(({ namespace, name: pod, containers }) =>
    containers.flatMap(({ name: container, devices }) =>
      devices
        .filter(({ resourceName }) => resources.has(resourceName))
        .flatMap(({ resourceName: resource, deviceIds }) =>
          deviceIds.map((id) => [id, { namespace, pod, container, resource }] as const),
        ),
    ),
  );
  return new Map(owners);
}
