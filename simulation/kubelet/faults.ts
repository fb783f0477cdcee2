import type { status } from '@grpc/grpc-js';

/** What the simulated kubelet shall do wrong; all off at first. May be changed at any time. */
export interface KubeletFaults {
  /** So many List answers are empty although pods are running (seen for 0.1 s after a restart). */
  emptyLists: number;
  /** Pods that List leaves out although they run: after a restart without the API server kubelet knows only some. */
  unlistedPods: readonly string[];
  /** List names these ids beside those of its pods, as those of a pod of which nobody knows. */
  strangers: { readonly resource: string; readonly ids: readonly string[] } | undefined;
  /** Every List fails with this. */
  listError: { code: status; details: string } | undefined;
  /** Every Get fails with this. */
  getError: { code: status; details: string } | undefined;
  /** List is accepted and never answered. */
  listHangs: boolean;
  /** Register is accepted and never answered. */
  registerHangs: boolean;
  /** Register fails with this text. */
  registerError: string | undefined;
}

/** No faults. */
export function noFaults(): KubeletFaults {
  return {
    emptyLists: 0,
    unlistedPods: [],
    strangers: undefined,
    listError: undefined,
    getError: undefined,
    listHangs: false,
    registerHangs: false,
    registerError: undefined,
  };
}
