import type { Inverse } from '../../ledger/entry.js';
import type { QuarantineEvents } from '../../ledger/quarantine.js';
import { ForwarderError } from '../../ports/error.js';
import type { PciAddress } from '../../ports/pci-address.js';
import type { TokenId } from '../../resourcepool/token-id.js';
import type { Call } from '../chain/call.js';
import { memoryKey } from '../chain/held-connection.js';

/** A VF given to a connection. */
export interface Assignment {
  readonly function: PciAddress;
  readonly physicalFunction: PciAddress;
  readonly vfIndex: number;
  /** The driver that makes this VF's netdev. */
  readonly kernelDriver: string;
}

/** Who gives VFs out, and keeps those back that could not be taken home. */
export interface Functions extends QuarantineEvents {
  /** @throws ForwarderError `not-found`, `refused`, `exhausted`, `busy` (see ResourcePool.claim) */
  claim(token: TokenId, owner: string): Assignment;
  /** Releasing what the owner does not hold does nothing. */
  release(address: PciAddress, owner: string): void;
}

const assignmentKey = memoryKey<{ readonly token: TokenId; readonly assignment: Assignment }>('assignment');

/** The connection's VF; claimed the first time, the same ever after. */
export async function claimFunction(functions: Functions, token: TokenId, { held, log }: Call): Promise<Assignment> {
  const known = held.memory.get(assignmentKey);
  if (known !== undefined) {
    if (known.token === token) return known.assignment;
    throw new ForwarderError(
      'invalid',
      `the connection holds ${known.assignment.function} for token ${known.token}: a refresh cannot change it to ${token}`,
    );
  }
  const assignment = functions.claim(token, held.id);
  const step = {
    kind: 'function-claimed',
    args: { owner: held.id, token },
    function: assignment.function,
    frees: true,
  } as const;
  await held.ledger.perform(step, () => Promise.resolve());
  held.memory.set(assignmentKey, { token, assignment });
  log.debug('VF claimed', { function: assignment.function });
  return assignment;
}

/** Gives the VF back. */
export function releaseFunction(functions: Functions): Inverse {
  return async ({ function: address, args }) => {
    if (address !== undefined) functions.release(address, String(args['owner']));
  };
}
