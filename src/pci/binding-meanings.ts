import type { FailureMeanings } from './system-failure.js';

/** What a refused write to `driver_override` means. */
export const overrideMeanings: FailureMeanings = {
  ENOENT: {
    kind: 'not-found',
    rule: 'the function has just gone, or this kernel (before 3.16) has no driver_override',
  },
  EINVAL: { kind: 'invalid', rule: 'the kernel does not take this name' },
};

/** What a refused write to a driver's `unbind` means. */
export const unbindMeanings: FailureMeanings = {
  ENODEV: { kind: 'busy', rule: 'the kernel says that it is not bound there, yet its driver link says so' },
  ENOENT: { kind: 'not-found', rule: 'the driver has just gone' },
};

/** What a refused write to `reset` means. */
export const resetMeanings: FailureMeanings = {
  ENOENT: { kind: 'not-found', rule: 'the function has just gone' },
  ENOTTY: { kind: 'unsupported', rule: 'none of its ways to be reset worked (reset_method)' },
};

/** What a refused write to a driver's `bind` means, while the function's override names that driver. */
export function bindMeanings(driver: string): FailureMeanings {
  return {
    EBUSY: { kind: 'busy', rule: 'another driver has it already' },
    EINVAL: { kind: 'unsupported', rule: `${driver} refused it${vfioHint(driver)}` },
    ENODEV: {
      kind: 'unsupported',
      rule: `${driver} does not take this function, or its override was changed meanwhile`,
    },
    ENOENT: { kind: 'not-found', rule: driverMissing(driver) },
    EPERM: { kind: 'busy', rule: 'another function of its IOMMU group is in use by a process' },
  };
}

/** Says what to do about a driver that is not there. */
export function driverMissing(driver: string): string {
  return `driver ${driver} is not registered: load its module (modprobe ${driver})`;
}

// vfio-pci without an IOMMU fails its probe with EINVAL, of which the kernel log has no more than "error -22".
function vfioHint(driver: string): string {
  return driver.includes('vfio')
    ? ': is the IOMMU on (intel_iommu=on or amd_iommu=on on the kernel command line)?'
    : '';
}
