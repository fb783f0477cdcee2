import type { Assignment, Functions } from '../forwarder/elements/claim-function.js';
import { ForwarderError } from '../ports/error.js';
import type { PciAddress } from '../ports/pci-address.js';
import type { Owner } from '../resourcepool/claim.js';
import type { ResourcePool } from '../resourcepool/resource-pool.js';
import type { TokenId } from '../resourcepool/token-id.js';

/** The forwarder's view of the pool: VFs for the kernel mechanism, each for one connection at a time. */
export function functionsFromPool(pool: ResourcePool, kernelDrivers: ReadonlyMap<PciAddress, string>): Functions {
  return {
    claim: (token, owner) => claim(pool, kernelDrivers, { token, owner: owner as Owner }),
    // A VF that the configuration no longer offers is brought home all the same; then nobody has it to give.
    release: (address, owner) => {
      if (pool.function(address) !== undefined) pool.release(address, owner as Owner);
    },
    adopt: ({ function: address, token, owner }) =>
      void pool.adopt({ function: address, token, owner: owner as Owner, driver: 'kernel' }),
    entered: (address, reason) => {
      if (pool.function(address) !== undefined) pool.quarantine(address, reason);
    },
    recovered: (address) => {
      if (pool.function(address) !== undefined) pool.recover(address);
    },
  };
}

function claim(
  pool: ResourcePool,
  kernelDrivers: ReadonlyMap<PciAddress, string>,
  { token, owner }: { token: TokenId; owner: Owner },
): Assignment {
  const inUse = pool.token(token);
  // A netdev is in one place: a token that serves two connections can do so only where no netdev moves.
  if (inUse?.state === 'in-use') {
    throw new ForwarderError('busy', `token ${token} has VF ${inUse.function} in use by another connection`);
  }
  const claimed = pool.claim({ token, owner, driver: 'kernel' });
  const kernelDriver = kernelDrivers.get(claimed.physicalFunction);
  if (kernelDriver === undefined) {
    pool.release(claimed.function, owner);
    throw new ForwarderError('unknown', `no VF driver is known for PF ${claimed.physicalFunction}`);
  }
  const { function: address, physicalFunction, vfIndex } = claimed;
  const tokenName = pool.token(token)?.name ?? '';
  return { function: address, physicalFunction, vfIndex, kernelDriver, tokenName };
}
