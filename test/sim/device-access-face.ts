import type {
  Access,
  Cgroup,
  DeviceAccess,
  DeviceNumber,
  KeptDevice,
  ShownGrant,
} from '../../src/ports/device-access.js';
import type { PodUid } from '../../src/ports/pod-cgroup.js';
import type { CallGate } from './call-gate.js';
import { type CgroupTree, key, type SimCgroup } from './cgroup-tree.js';

/** {@link DeviceAccess} of one process. */
export class DeviceAccessFace implements DeviceAccess {
  readonly #gate: CallGate;
  readonly #tree: CgroupTree;

  constructor(gate: CallGate, tree: CgroupTree) {
    this.#gate = gate;
    this.#tree = tree;
  }

  cgroupsOf(pod: PodUid, signal: AbortSignal): Promise<readonly Cgroup[]> {
    return this.#gate.call(`access.cgroupsOf ${pod}`, signal, () => this.#tree.of(pod).map(cgroupOf));
  }

  read(cgroup: Cgroup, devices: readonly DeviceNumber[], signal: AbortSignal): Promise<readonly Access[]> {
    return this.#gate.call(`access.read ${text(cgroup, devices)}`, signal, () => {
      const found = this.#tree.get(cgroup);
      return devices.map((device) => ({
        allowedBy: this.#tree.allowedBy(found, device),
        keep: this.#tree.hasRule(found, device) ? 'rwm' : '',
      }));
    });
  }

  grant(cgroup: Cgroup, devices: readonly DeviceNumber[], signal: AbortSignal): Promise<void> {
    return this.#gate.call(`access.grant ${text(cgroup, devices)}`, signal, () => {
      const found = this.#tree.get(cgroup);
      for (const device of devices) this.#tree.grant(found, device);
    });
  }

  revoke(cgroup: Cgroup, devices: readonly KeptDevice[], signal: AbortSignal): Promise<void> {
    return this.#gate.call(`access.revoke ${text(cgroup, devices)}`, signal, () => {
      const found = this.#tree.all().find(({ path, inode }) => path === cgroup.path && inode === cgroup.inode);
      if (found === undefined) return;
      for (const device of devices) this.#tree.revoke(found, device, device.keep !== '');
    });
  }

  shownGrants(signal: AbortSignal): Promise<readonly ShownGrant[]> {
    return this.#gate.call('access.shownGrants', signal, () =>
      this.#tree
        .all()
        .filter(({ block }) => block.size > 0)
        .map((cgroup) => ({ cgroup: cgroupOf(cgroup), devices: [...cgroup.block].map(deviceOf) })),
    );
  }
}

function cgroupOf({ path, inode }: SimCgroup): Cgroup {
  return { path, inode };
}

function deviceOf(text: string): DeviceNumber {
  const [major = 0, minor = 0] = text.split(':').map(Number);
  return { major, minor };
}

function text({ path }: Cgroup, devices: readonly DeviceNumber[]): string {
  return `${path} ${devices.map(key).join(' ')}`;
}
