import { addressMap } from './address-map-value.js';
import { functionAddress } from './address-value.js';
import { distinctListOf, listOf } from './list-value.js';
import { optional, record, required } from './record-value.js';
import { capability, driverName, ignored, serviceDomain, vfCount } from './simple-values.js';

/*
 * The one table of the file's keys: reader, JSON Schema and documentation follow it (sriov-linux.md 2.1).
 */

export const virtualFunctionKeys = {
  address: required(functionAddress, 'PCI address of the VF.'),
  iommuGroup: optional(ignored, 'Accepted and ignored: the group is read from the kernel.'),
};

export const physicalFunctionKeys = {
  pfKernelDriver: required(driverName, "Kernel driver of the PF. It is compared with the PF's own, never bound."),
  vfKernelDriver: required(driverName, 'Kernel driver of the VFs, bound to a VF that a client wants as a netdev.'),
  capabilities: required(
    distinctListOf(capability, 'list of capabilities'),
    'What the VFs can do, for instance `10G`: the second half of the names that pods ask for.',
  ),
  serviceDomains: required(
    distinctListOf(serviceDomain, 'list of service domains'),
    'What the VFs are connected to, for instance `service.domain.1`: the first half of those names.',
  ),
  numVFs: optional(
    vfCount,
    'Number of VFs to create on a PF that has none. Without it the setting `NSM_CREATE_VFS` decides. ' +
      'A PF that has VFs is never changed.',
  ),
  virtualFunctions: optional(
    listOf(record(virtualFunctionKeys), 'list of VFs'),
    'The only VFs of this PF that may be given out. Without it all may.',
  ),
};

export const documentKeys = {
  physicalFunctions: optional(
    addressMap(record(physicalFunctionKeys)),
    'The PFs whose VFs are given out, by PCI address: `0000:01:00.0`, short `01:00.0` for domain 0000.',
    'the forwarder has nothing to offer',
  ),
};
