import type { Cgroup, DeviceAccess, DeviceNumber } from '../../src/ports/device-access.js';
import type { PodUid } from '../../src/ports/pod-cgroup.js';

/** What a process gets that uses a device: `allowed` by its cgroup, whether or not there is such a device. */
export type Verdict = 'allowed' | 'forbidden';

/** What the contract suite of device access needs of an implementation; one per test, disposed after it. */
export interface DeviceAccessHarness extends AsyncDisposable {
  readonly access: DeviceAccess;
  /** True when rules tell who made them, as on cgroup v2. */
  readonly rulesHaveAuthors: boolean;
  /** The pod's own cgroup: it allows everything. */
  addPod(pod: PodUid, options?: { readonly forbids?: DeviceNumber }): Promise<Cgroup>;
  /** A cgroup below another; as a container runtime makes it, it allows what is usual (`c 1:3 rwm`) and these. */
  addContainer(parent: Cgroup, name: string, allows?: readonly DeviceNumber[]): Promise<Cgroup>;
  /** The runtime sets the container's rules anew, knowing nothing of us. */
  updateContainer(container: Cgroup, allows?: readonly DeviceNumber[]): Promise<void>;
  removeCgroup(cgroup: Cgroup): Promise<void>;
  /** A process in the cgroup opens the device for reading and writing. */
  open(cgroup: Cgroup, device: DeviceNumber): Promise<Verdict>;
  /** A process in the cgroup makes a node for the device. */
  makeNode(cgroup: Cgroup, device: DeviceNumber): Promise<Verdict>;
}

/** How the suite is told what to test. */
export interface DeviceAccessSuite {
  /** The implementation's name, for the titles. */
  readonly name: string;
  create(): Promise<DeviceAccessHarness>;
  /** Why the suite cannot run here; it is then skipped with that reason. */
  readonly skip?: string | undefined;
}
