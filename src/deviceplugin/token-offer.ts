/** One token as kubelet is told about it. */
export interface OfferedToken {
  readonly id: string;
  /** False: it stands for a VF that cannot be granted under this name now. */
  readonly healthy: boolean;
  /** True from kubelet's Allocate (or a restore) until it is freed, whatever else the token goes through meanwhile. */
  readonly heldByPod: boolean;
  /** The NUMA node of every VF the token may come to stand for; absent when they differ or it is unknown. */
  readonly numaNode?: number;
  /** The PF that its VF is taken from as long as that has one; absent where any PF will do. */
  readonly home?: string;
  /** The NUMA node of the VFs of `home`. */
  readonly homeNode?: number;
}

/** A token id under a resource name, as kubelet lists it. */
export interface ListedToken {
  readonly name: string;
  readonly token: string;
}

/** What a restore could not take over; nothing is dropped silently. */
export interface RestoreReport {
  /** More than the name has tokens. */
  readonly surplus: readonly ListedToken[];
  /** Nobody offers the name. */
  readonly unknownNames: readonly ListedToken[];
  /** Listed twice, or a token of another name. */
  readonly duplicates: readonly ListedToken[];
}

/**
 * What this front-end gives to kubelet: tokens under resource names (`serviceDomain/capability`). Synchronous, and
 * nothing in it knows kubelet. Ids are unique over all names.
 */
export interface TokenOffer {
  names(): readonly string[];
  /** The tokens of one name in a stable order; empty for a name that is not offered (any more). */
  tokens(name: string): readonly OfferedToken[];
  /**
   * Marks every id as given to a container, all or none. An id that a pod holds already stays so.
   *
   * @throws ForwarderError `not-found` (unknown id), `refused` (closed, in quarantine): nothing has changed then
   */
  allocate(ids: readonly string[]): void;
  /** The pods of these ids are gone. A free id stays free. @throws ForwarderError `not-found` */
  free(ids: readonly string[]): void;
  /**
   * Takes over ids that kubelet says are with pods, by name; callable at any time. A known id is held by a pod then; an
   * unknown one becomes the id of a token that no pod holds.
   */
  restore(held: ReadonlyMap<string, readonly string[]>): RestoreReport;
  /** Calls the listener after every change of names, ids, health or who holds what. */
  onChange(listener: () => void): Disposable;
}
