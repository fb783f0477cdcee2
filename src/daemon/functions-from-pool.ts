import type { Assignment, Functions, TokenDoor } from '../forwarder/elements/claim-function.js';
import { isPodDevice } from '../forwarder/pod-devices.js';
import { ForwarderError } from '../ports/error.js';
import type { PciAddress } from '../ports/pci-address.js';
import type { Claim, Owner } from '../resourcepool/claim.js';
import type { ResourcePool } from '../resourcepool/resource-pool.js';
import type { TokenId } from '../resourcepool/token-id.js';

/**
 * The forwarder's view of the pool: VFs, each for one connection at a time. A VF that the
 * configuration no longer offers is brought home all the same; only then nobody has it to give.
 */
export function functionsFromPool(
  pool: ResourcePool,
  kernelDrivers: ReadonlyMap<PciAddress, string>,
  door: TokenDoor,
): Functions {
  const uses = new Map<PciAddress, number>();
  const used = (assignment: Assignment): Assignment => {
    uses.set(assignment.function, (uses.get(assignment.function) ?? 0) + 1);
    return assignment;
  };
  const offered = (address: PciAddress) => pool.function(address) !== undefined;
  return {
    door,
    claim: ({ token, owner, driverType: driver }) => {
      refuseSecondUse(pool, { token, owner });
      const claim = pool.claim({ token, owner: owner as Owner, driver });
      return used(assign(pool, kernelDrivers, { owner, claim }));
    },
    adopt: ({ function: address, token, owner, driverType: driver = 'kernel' }) => {
      const claim = pool.adopt({ function: address, token, owner: owner as Owner, driver });
      return used(assign(pool, kernelDrivers, { owner, claim }));
    },
    all: () =>
      pool.functions().map(({ address, physicalFunction, vfIndex, use }) => ({
        function: address,
        physicalFunction,
        vfIndex,
        kernelDriver: kernelDrivers.get(physicalFunction) ?? '',
        free: use.kind === 'free',
        uses: uses.get(address) ?? 0,
      })),
    release: (address, owner) => {
      if (offered(address)) pool.release(address, owner as Owner);
    },
    entered: (address, reason) => {
      if (offered(address)) pool.quarantine(address, reason);
    },
    recovered: (address) => {
      if (offered(address)) pool.recover(address);
    },
  };
}

/** A netdev is in one place, and a device has one set of settings: a VF serves one connection at a time. */
function refuseSecondUse(
  pool: ResourcePool,
  { token: id, owner }: { readonly token: TokenId; readonly owner: string },
): void {
  const token = pool.token(id);
  if (token?.state !== 'in-use') return;
  const use = token.function && pool.function(token.function)?.use;
  const owners = use?.kind === 'claimed' ? use.owners : [];
  if (owners.some((it) => it === owner)) return;
  if (owners.some(isPodDevice)) {
    throw new ForwarderError(
      'refused',
      `token ${id} serves no connection: its pod has VF ${token.function} as a device since it was made (NSM_VFIO_AT_ALLOCATE)`,
    );
  }
  throw new ForwarderError('busy', `token ${id} has VF ${token.function} in use by another connection`);
}

function assign(
  pool: ResourcePool,
  kernelDrivers: ReadonlyMap<PciAddress, string>,
  { owner, claim }: { readonly owner: string; readonly claim: Claim },
): Assignment {
  const { function: address, physicalFunction, vfIndex, token, driver: driverType } = claim;
  const kernelDriver = kernelDrivers.get(physicalFunction);
  if (kernelDriver === undefined) {
    pool.release(address, owner as Owner);
    throw new ForwarderError('unknown', `no VF driver is known for PF ${physicalFunction}`);
  }
  const tokenName = pool.token(token)?.name ?? '';
  return { function: address, physicalFunction, vfIndex, kernelDriver, tokenName, driverType };
}
