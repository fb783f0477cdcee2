/** A VF that a container gets as a device. */
export interface GivenDevice {
  /** PCI address of the VF, long form. */
  readonly address: string;
  readonly iommuGroup: number;
  /** No IOMMU stands behind the group: its node has another name on the host. */
  readonly noIommu: boolean;
}

/**
 * Gives VFs themselves to pods that speak no NSM, for tokens of some resources. Kubelet never says that a pod is gone:
 * whoever learns that tokens are free takes the VFs home.
 */
export interface DeviceGiver {
  /** Whether tokens of the resource are worth a VF as soon as they are allocated. */
  gives(resource: string): boolean;
  /**
   * The token's VF, ready to be opened; one that the token's last pod had is taken home first.
   *
   * @throws ForwarderError why there is none; nothing has changed then
   */
  give(token: string, signal: AbortSignal): Promise<GivenDevice>;
  /** The pod will not have it after all. Never rejects. */
  takeBack(token: string): Promise<void>;
  /** @throws ForwarderError `refused` when the VF is not what its pod was told when it was made */
  check(token: string, signal: AbortSignal): Promise<void>;
}
