import type { PodUid } from './pod-cgroup.js';

/** A character device as the kernel numbers it. */
export interface DeviceNumber {
  readonly major: number;
  readonly minor: number;
}

/**
 * One cgroup of the hierarchy that decides about devices. Paths are used again, inodes are not while the machine runs:
 * both together name it.
 */
export interface Cgroup {
  /** From the root of the hierarchy, with a slash in front. */
  readonly path: string;
  /** Decimal. */
  readonly inode: string;
}

/** Some of `r` (open for reading), `w` (for writing) and `m` (make a node), in this order. */
export type Modes = '' | 'r' | 'w' | 'm' | 'rw' | 'rm' | 'wm' | 'rwm';

/** What a cgroup's rules say of a device, its ancestors' included. */
export interface Access {
  /**
   * Thanks to whom its processes may open the device for reading and writing and make its node; `others` when they may
   * without us as well. Where rules carry no author (cgroup v1) every access is `others`: remember what you granted.
   */
  readonly allowedBy: 'nobody' | 'us' | 'others';
  /** What others allow of exactly this device. It is to be left when a grant is taken back. */
  readonly keep: Modes;
}

/** A device with what is to be left of it. */
export interface KeptDevice extends DeviceNumber {
  readonly keep: Modes;
}

/** A grant that the kernel shows to be ours. */
export interface ShownGrant {
  readonly cgroup: Cgroup;
  readonly devices: readonly DeviceNumber[];
}

/**
 * Which cgroup may use which character device. Only opening a device and making its node are decided here: what a
 * process has open stays open when its access is taken back.
 *
 * Every call says what the cgroup shall be, not how to change it: repeating one changes nothing, and so does undoing
 * what never happened. Who needs a device in the same cgroup as somebody else is counted by the caller.
 */
export interface DeviceAccess {
  /**
   * The pod's own cgroup, then all below it, parents before children. None when the pod has none, or no container.
   *
   * @throws ForwarderError `refused` when two folders could be the pod's, `exhausted` when it has made too many
   */
  cgroupsOf(pod: PodUid, signal: AbortSignal): Promise<readonly Cgroup[]>;
  /**
   * What holds now, in the order of the devices.
   *
   * @throws ForwarderError `not-found` when the cgroup is gone, `unsupported` when its rules cannot be read
   */
  read(cgroup: Cgroup, devices: readonly DeviceNumber[], signal: AbortSignal): Promise<readonly Access[]>;
  /**
   * Lets the cgroup's processes open the devices and make their nodes. Done when it holds, not when it was written. A
   * failure may leave some of the devices granted.
   *
   * @throws ForwarderError `not-found` when the cgroup is gone, `denied` when a cgroup above it forbids a device (named
   *   in the message), `unsupported` when its rules cannot be changed, `busy` when others keep changing them
   */
  grant(cgroup: Cgroup, devices: readonly DeviceNumber[], signal: AbortSignal): Promise<void>;
  /**
   * Takes our grants back whole, and nothing else. A cgroup that is gone has nothing to take back.
   *
   * @throws ForwarderError `unsupported`, `busy` as for {@link grant}
   */
  revoke(cgroup: Cgroup, devices: readonly KeptDevice[], signal: AbortSignal): Promise<void>;
  /** All grants of ours in any pod as far as the kernel shows them, whoever remembers them; none on cgroup v1. */
  shownGrants(signal: AbortSignal): Promise<readonly ShownGrant[]>;
}
