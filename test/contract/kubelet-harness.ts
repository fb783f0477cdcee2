import type { Clock } from '../../src/ports/clock.js';

/** How kubelet ends. */
export type Ending = 'TERM' | 'KILL';

/** A kubelet, real or not, as a device plugin and its tests meet it. Pods are in the namespace `default`. */
export interface KubeletHarness extends AsyncDisposable {
  readonly devicePluginPath: string;
  readonly podResourcesPath: string;
  /** The clock that suits its pace. */
  readonly clock: Clock;
  start(): Promise<void>;
  stop(ending: Ending): Promise<void>;
  /**
   * A pod with one container that asks for devices; resolves with the container's environment when it runs.
   *
   * @throws Error with kubelet's text when it does not admit the pod
   */
  addPod(name: string, requests: Readonly<Record<string, number>>): Promise<Record<string, string>>;
  /** Resolves when kubelet has forgotten the pod. */
  removePod(name: string): Promise<void>;
  /** Ids of a resource that containers have, by what kubelet says now. */
  held(resource: string): Promise<ReadonlySet<string>>;
  /** The same as often as its checkpoint says it; pods that are gone may be in there until it is written again. */
  checkpointed(resource: string): readonly string[];
  /** Resolves when the condition holds. @throws Error with its name when it takes too long */
  until(what: string, condition: () => boolean | Promise<boolean>): Promise<void>;
}
