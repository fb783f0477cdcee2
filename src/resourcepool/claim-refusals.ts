import { ForwarderError } from '../ports/error.js';
import type { DriverType } from './driver-type.js';
import type { Claimed, FunctionState } from './function-state.js';
import type { VirtualFunction } from './inventory.js';
import type { Standing, Token } from './token.js';

// These messages reach peers: they name the caller's own token, never another one and never another connection, since
// whoever knows an allocated token's id could share its function.

/** Only what kubelet has given to a pod may be claimed: knowing an id is not enough. */
export function notAllocated({ id, name }: Token): ForwarderError {
  return new ForwarderError('refused', `token ${id} of ${name} was never allocated to a pod, or its pod is gone`);
}

/** Kubelet can hand a token on while the last pod's container still ends; the next pod must not join its function. */
export function assertNotHandedOn(token: Token, { address }: VirtualFunction): void {
  if (token.standing.kind !== 'in-use' || !token.standing.handedOn) return;
  if (!token.held) throw notAllocated(token);
  throw new ForwarderError(
    'busy',
    `token ${token.id} of ${token.name} has a new pod, but VF ${address} is not yet home from the pod before`,
  );
}

/** The configuration has changed since kubelet gave the token to its pod. */
export function noLongerOffered({ id, name }: Token): ForwarderError {
  return new ForwarderError('refused', `token ${id} of ${name} stands for no VF: fewer are offered under the name now`);
}

/** One function has one driver. */
export function otherDriver({ address }: VirtualFunction, { token, driver, owners }: Claimed): ForwarderError {
  return new ForwarderError(
    'busy',
    `VF ${address} of token ${token.id} has the driver type ${driver} for ${owners.size} connection(s): ` +
      'only the sole user of a VF can change its driver',
  );
}

/** Connections cost memory, and whoever has a token could make any number of them. */
export function sharedByTooMany({ id, name }: Token, { address }: VirtualFunction, most: number): ForwarderError {
  return new ForwarderError('exhausted', `VF ${address} of token ${id} of ${name} has ${most} connections, the most`);
}

/** No function can be given to a token that stands for one. `free`: how many there are all the same. */
export function noneFree(name: string, driver: DriverType, free: number): ForwarderError {
  const because =
    free === 0
      ? 'all are taken'
      : `${free} are free, but their IOMMU groups serve another driver, hold a PF or do not exist`;
  return new ForwarderError('exhausted', `no free VF of ${name} for the driver type ${driver}: ${because}`);
}

/** The very function that was asked for is not to be had under this token. */
export function cannotAdopt({ id, name }: Token, { address, state, lot }: VirtualFunction): ForwarderError {
  const because =
    state.kind === 'free' || state.kind === 'withheld'
      ? `is free, but IOMMU group ${lot.group?.number ?? 'none'} cannot have the driver`
      : describe(state);
  return new ForwarderError('busy', `token ${id} of ${name} cannot get VF ${address} back: it ${because}`);
}

/** The PF of the function offers it under other names. */
export function notOffered({ id, name }: Token, { address }: VirtualFunction): ForwarderError {
  return new ForwarderError(
    'refused',
    `token ${id} of ${name} cannot stand for VF ${address}: its PF does not offer it under this name`,
  );
}

/** The token has another function than the one asked for. */
export function hasAnother({ id, name }: Token, wanted: VirtualFunction, { address }: VirtualFunction): ForwarderError {
  return new ForwarderError(
    'busy',
    `token ${id} of ${name} cannot get VF ${wanted.address}: it has VF ${address} in use`,
  );
}

/** The token stands for nothing at present, because of this function. */
export function notToBeHad({ id, name, standing }: Token, { address, state }: VirtualFunction): ForwarderError {
  const kind = standing.kind === 'quarantined' ? 'busy' : 'refused';
  return new ForwarderError(kind, `token ${id} of ${name} is ${standing.kind}: VF ${address} ${describe(state)}`);
}

function describe(state: FunctionState): string {
  switch (state.kind) {
    case 'free':
      return 'is free';
    case 'claimed':
      return `is in use under ${state.token.name}`;
    case 'superseded':
      return 'is on its way home';
    case 'quarantined':
      return `is in quarantine: ${state.reason}`;
    case 'withheld':
      return `is held back: ${state.reason}`;
  }
}

/** Kubelet may give out what is in circulation or in use. @throws ForwarderError `refused` */
export function assertAllocatable({ id, name, held, standing }: Token): void {
  if (held || standing.kind === 'available' || standing.kind === 'in-use') return;
  const because = whyNotToBeHad(standing);
  throw new ForwarderError('refused', `token ${id} of ${name} cannot be allocated: it is ${because}`);
}

function whyNotToBeHad(standing: Exclude<Standing, { kind: 'available' | 'in-use' }>): string {
  switch (standing.kind) {
    case 'closed':
      return `closed by VF ${standing.function}, which is not to be had`;
    case 'quarantined':
      return `in quarantine with VF ${standing.function}`;
    case 'retired':
      return 'no longer offered';
  }
}
