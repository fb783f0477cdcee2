import { renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ContainerAllocateResponse } from '../../apis/generated/deviceplugin-v1beta1.js';

/** A pod as the demo and the tests wish it: how many devices of which resource. */
export interface PodWish {
  readonly namespace: string;
  readonly name: string;
  readonly container: string;
  readonly requests: Readonly<Record<string, number>>;
}

/** The devices of one resource that a pod has, and what the plugin answered when they were allocated. */
export interface Grant {
  readonly ids: readonly string[];
  readonly response: ContainerAllocateResponse;
}

/** A pod that was admitted. */
export interface AdmittedPod {
  readonly uid: string;
  readonly wish: PodWish;
  readonly grants: ReadonlyMap<string, Grant>;
}

/** What kubelet writes to its checkpoint file: it outlives a restart. */
export class Checkpoint {
  readonly #file: string;
  readonly #pods = new Map<string, AdmittedPod>();

  /** @param folder that of the device plugins */
  constructor(folder: string) {
    this.#file = join(folder, 'kubelet_internal_checkpoint');
  }

  get pods(): readonly AdmittedPod[] {
    return [...this.#pods.values()];
  }

  find(namespace: string, name: string): AdmittedPod | undefined {
    return this.#pods.get(`${namespace}/${name}`);
  }

  add(pod: AdmittedPod): void {
    this.#pods.set(`${pod.wish.namespace}/${pod.wish.name}`, pod);
  }

  /** Kubelet tells nobody: the devices are simply free. */
  remove(namespace: string, name: string): boolean {
    return this.#pods.delete(`${namespace}/${name}`);
  }

  /** Writes the file as kubelet does: a new one in the place of the old one. */
  write(): void {
    const PodDeviceEntries = this.pods.flatMap(({ uid, wish, grants }) =>
      [...grants].map(([ResourceName, { ids }]) => ({
        PodUID: uid,
        ContainerName: wish.container,
        ResourceName,
        DeviceIDs: { '-1': ids },
        AllocResp: '',
      })),
    );
    writeFileSync(
      `${this.#file}.new`,
      JSON.stringify({ Data: { PodDeviceEntries, RegisteredDevices: {} }, Checksum: 0 }),
    );
    renameSync(`${this.#file}.new`, this.#file);
  }

  /** Ids of the resource that pods have. */
  held(resource: string): ReadonlySet<string> {
    return new Set(this.pods.flatMap(({ grants }) => grants.get(resource)?.ids ?? []));
  }
}
