import type { Entry, Inverse } from '../../ledger/entry.js';
import type { QuarantineEvents } from '../../ledger/quarantine.js';
import { ForwarderError } from '../../ports/error.js';
import type { PciAddress } from '../../ports/pci-address.js';
import type { DriverType } from '../../resourcepool/driver-type.js';
import type { TokenId } from '../../resourcepool/token-id.js';
import type { Call } from '../chain/call.js';
import { clientOf } from '../chain/client-of.js';
import type { Strays } from '../recovery/strays.js';

/** A VF given to a connection. */
export interface Assignment {
  readonly function: PciAddress;
  readonly physicalFunction: PciAddress;
  readonly vfIndex: number;
  /** The driver that makes this VF's netdev. */
  readonly kernelDriver: string;
  /** The name under which the token was offered. */
  readonly tokenName: string;
  /** What drives it for the connection; absent in records of a time when that was always its kernel driver. */
  readonly driverType?: DriverType;
}

/** A claim as it is on record. */
export interface RecordedClaim extends Assignment {
  readonly token: TokenId;
  readonly owner: string;
}

/** A VF as those see it who look after all of them. */
export interface OfferedFunction
  extends Pick<Assignment, 'function' | 'physicalFunction' | 'vfIndex' | 'kernelDriver'> {
  /** True when it can be given out. */
  readonly free: boolean;
  /** How often it was given out: whoever looks twice sees whether somebody had it between. */
  readonly uses: number;
}

/** A VF is wanted for a token. */
export interface ClaimWish {
  readonly token: TokenId;
  /** The id of the connection. */
  readonly owner: string;
  readonly driverType: DriverType;
}

/** Decides who may use a token. */
export interface TokenDoor {
  /**
   * To be passed right before a VF is given out for a token. Waits a while for one that is not yet home from the token's
   * last pod.
   *
   * @param client its SPIFFE id; absent when it showed none
   * @throws ForwarderError `denied`, `unavailable` when whose it is cannot be found out, or the signal's reason
   */
  admit(token: TokenId, client: string | undefined, signal: AbortSignal): Promise<void>;
  /** To be called when the VF is given out: the token is the client's. @throws ForwarderError when that cannot be recorded */
  admitted(token: TokenId, client: string | undefined): void;
}

/** Who gives VFs out, and keeps those back that could not be taken home. */
export interface Functions extends QuarantineEvents {
  readonly door: TokenDoor;
  /** @throws ForwarderError `not-found`, `refused`, `exhausted`, `busy` (see ResourcePool.claim) */
  claim(wish: ClaimWish): Assignment;
  /**
   * The same for the very VF that the owner has already.
   *
   * @throws ForwarderError when the pool cannot have it so (see ResourcePool.adopt)
   */
  adopt(claim: Pick<RecordedClaim, 'function' | 'token' | 'owner' | 'driverType'>): Assignment;
  all(): readonly OfferedFunction[];
  /** Releasing what the owner does not hold does nothing. */
  release(address: PciAddress, owner: string): void;
}

/**
 * The connection's VF; claimed the first time, the same ever after. For another driver it stays the same where its IOMMU
 * group can follow; else the connection gets one more.
 */
export async function claimFunction(
  functions: Functions,
  { token, driverType }: Pick<ClaimWish, 'token' | 'driverType'>,
  call: Call,
): Promise<Assignment> {
  const { held, log } = call;
  const entry = held.ledger.find('function-claimed');
  const known = entry && recordedClaim(entry);
  if (known !== undefined) {
    if (known.token !== token) {
      throw new ForwarderError(
        'invalid',
        `the connection holds ${known.function} for token ${known.token}: a refresh cannot change it to ${token}`,
      );
    }
    if (driverTypeOf(known) === driverType) return known;
  }
  if (known === undefined) await functions.door.admit(token, clientOf(call), call.signal);
  const assignment = functions.claim({ token, owner: held.id, driverType });
  const { function: address, ...rest } = assignment;
  if (entry !== undefined && address === known?.function) {
    held.ledger.amend(entry.id, { driverType });
    return assignment;
  }
  const args = { owner: held.id, token, ...rest };
  try {
    functions.door.admitted(token, clientOf(call));
    await held.ledger.perform(
      { kind: 'function-claimed', args, function: address, frees: true },
      async () => undefined,
    );
  } catch (error) {
    functions.release(address, held.id); // not on record, so nobody else would
    throw error;
  }
  log.debug('VF claimed', { function: address });
  return assignment;
}

/** After a change of the driver that came to nothing: the VF is for the former one again. */
export function returnClaim(functions: Functions, { claimed, driverType }: FormerClaim, { held, log }: Call): void {
  const entry = held.ledger.entries().find(({ id }) => id === claimed);
  const known = entry && recordedClaim(entry);
  if (entry === undefined || known === undefined || driverTypeOf(known) === driverType) return;
  try {
    const { function: address } = functions.claim({ token: known.token, owner: held.id, driverType });
    if (address === known.function) held.ledger.amend(entry.id, { driverType });
    else functions.release(address, held.id); // others of its group went on meanwhile: it is counted with them
  } catch (thrown) {
    log.warn('a VF is counted with the other driver until the next refresh', { reason: String(thrown) });
  }
}

/** A claim as it was. */
export interface FormerClaim {
  readonly claimed: Entry['id'];
  readonly driverType: DriverType;
}

/** The connection's claim; undefined when it has none. */
export function formerClaim({ held: { ledger } }: Call): FormerClaim | undefined {
  const entry = ledger.find('function-claimed');
  const known = entry && recordedClaim(entry);
  return entry && known && { claimed: entry.id, driverType: driverTypeOf(known) };
}

function driverTypeOf({ driverType = 'kernel' }: RecordedClaim): DriverType {
  return driverType;
}

/**
 * Claims a VF that its client has and nobody has on record; the client has passed the door. Until {@link settleStray}
 * says otherwise, undoing the claim leaves the VF where it is.
 */
export async function claimStray(
  functions: Functions,
  {
    function: address,
    token,
    reason,
  }: { readonly function: PciAddress; readonly token: TokenId; readonly reason: string },
  call: Call,
): Promise<void> {
  const { held } = call;
  const { function: _sameAddress, ...rest } = functions.adopt({ function: address, token, owner: held.id });
  const args = { owner: held.id, token, ...rest, stray: reason };
  try {
    functions.door.admitted(token, clientOf(call));
    await held.ledger.perform(
      { kind: 'function-claimed', args, function: address, frees: true },
      async () => undefined,
    );
  } catch (error) {
    functions.release(address, held.id);
    throw error;
  }
}

/**
 * Runs work during which the VF comes into the connection's hands: if it succeeds the claim is like any other, and
 * undoing it the last step of the VF's way home. The process may end anywhere in between, its successor looks where the
 * VF is.
 */
export async function settleStray<T>({ held: { ledger } }: Call, work: () => Promise<T>): Promise<T> {
  const entry = ledger.find('function-claimed');
  if (entry === undefined) throw new ForwarderError('unknown', 'the connection has claimed no VF');
  ledger.amend(entry.id, { stray: null });
  try {
    return await work();
  } catch (error) {
    const isHeld = ledger.entries().some(({ kind }) => kind === 'netdev-adopted');
    if (!isHeld) ledger.amend(entry.id, { stray: entry.args['stray'] ?? null });
    throw error;
  }
}

/** What a claim's entry says; undefined for entries of another kind. */
export function recordedClaim({ kind, function: address, args }: Entry): RecordedClaim | undefined {
  if (kind !== 'function-claimed' || address === undefined) return undefined;
  return { ...(args as unknown as Omit<RecordedClaim, 'function'>), function: address };
}

/** Gives the VF back; one that was claimed where its client has it, and no more, goes back to the strays. */
export function releaseFunction(functions: Functions, strays: Strays): Inverse {
  return async ({ function: address, args }) => {
    if (address === undefined) return;
    functions.release(address, String(args['owner']));
    if (typeof args['stray'] === 'string') strays.add({ function: address, reason: args['stray'] });
  };
}
