import type { Book } from '../../ledger/book.js';
import type { Entry } from '../../ledger/entry.js';
import type { Quarantine } from '../../ledger/quarantine.js';
import { rememberNamespaces } from '../../mechanism/kernel/reach-namespace.js';
import type { World } from '../../mechanism/kernel/world.js';
import { ForwarderError, toForwarderError } from '../../ports/error.js';
import type { Log } from '../../ports/log.js';
import type { PciAddress } from '../../ports/pci-address.js';
import type { ConnectionRecord, ConnectionRecords } from '../chain/connection-records.js';
import type { Connections } from '../chain/connections.js';
import type { HeldConnection } from '../chain/held-connection.js';
import type { Inspect } from '../elements/choose-mechanism.js';
import { type Functions, type RecordedClaim, recordedClaim } from '../elements/claim-function.js';
import { onwardCandidate } from '../elements/connect-onward.js';
import { mendRecords } from './mend-records.js';

/** What became of one connection of a former process. */
export interface TakenOver {
  readonly connection: string;
  readonly functions: readonly PciAddress[];
  /** `kept`: the client has its VF, untouched. `ended`: everything of it was taken back, as far as that could be done. */
  readonly verdict: 'kept' | 'ended';
  readonly reason: string;
  /** What could not be undone: the VF is in quarantine then. */
  readonly failure?: string;
}

/** Who goes on with what was held under an id, and how that is compared with reality. */
export interface Keeper {
  readonly connections: Connections;
  readonly inspect: Inspect;
}

export interface TakeOverParts {
  readonly book: Book;
  readonly records: ConnectionRecords;
  /** False when the journal has lost some of them. */
  readonly recordsComplete: boolean;
  readonly keeperOf: (id: string) => Keeper;
  readonly functions: Functions;
  readonly world: World;
  readonly quarantine: Pick<Quarantine, 'has'>;
  readonly log: Log;
}

/** What a former process has left of one connection. */
interface Legacy {
  readonly id: string;
  readonly entries: readonly Entry[];
  readonly record: ConnectionRecord | undefined;
}

/**
 * Takes over what a former process has left, whenever and however it ended. To be run before anything is given out.
 *
 * All VFs on record are claimed first, so that nobody else gets them. Then each connection is compared with reality: one
 * whose VF is where it should be is kept, to be refreshed by its client or to expire; any other one is unwound, as a
 * failed Request or a Close would have done it. Running it twice changes nothing more, and it may be cut short anywhere.
 */
export async function takeOver(parts: TakeOverParts, signal: AbortSignal): Promise<readonly TakenOver[]> {
  const legacies = readLegacies(parts);
  for (const { entries } of legacies) rememberNamespaces(parts.world, entries);
  const unclaimable = new Map(legacies.flatMap((legacy) => claimAgain(parts.functions, legacy)));
  const held = legacies.map((legacy) => {
    const keeper = parts.keeperOf(legacy.id);
    return { legacy, keeper, connection: keeper.connections.adopt(legacy.id, legacy.entries, legacy.record) };
  });
  return Promise.all(
    held.map(async (it) => {
      const taken = await takeOverOne(parts, { ...it, unclaimable }, signal);
      const { connection: id, ...facts } = taken;
      parts.log.info(`connection of the former process ${taken.verdict}`, { ...facts, connection: id });
      return taken;
    }),
  );
}

function readLegacies({ book, records, recordsComplete, functions }: TakeOverParts): Legacy[] {
  const entries = book.byConnection();
  const known = records.all();
  const knowledge = { book, recordsComplete, offered: functions.all() };
  return [...new Set([...entries.keys(), ...known.keys()])].map((id) => ({
    id,
    entries: mendRecords(knowledge, entries.get(id) ?? []),
    record: known.get(id),
  }));
}

/** @returns VFs that the pool cannot give to their connection again, each with the reason; nobody gets them for now */
function claimAgain(functions: Functions, { entries }: Legacy): [PciAddress, string][] {
  return entries.flatMap((entry): [PciAddress, string][] => {
    const claim = recordedClaim(entry);
    if (claim === undefined) return [];
    try {
      requireToken(claim);
      functions.adopt(claim);
      return [];
    } catch (thrown) {
      const reason = toForwarderError(thrown).message;
      functions.entered(claim.function, reason);
      return [[claim.function, reason]];
    }
  });
}

/** The claim may have been put back for one that was lost. */
function requireToken({ token, function: address }: Partial<RecordedClaim>): void {
  if (token === undefined) throw new ForwarderError('not-found', `the record of who has ${address} was lost`);
}

interface Case {
  readonly legacy: Legacy;
  readonly keeper: Keeper;
  readonly connection: HeldConnection;
  readonly unclaimable: ReadonlyMap<PciAddress, string>;
}

async function takeOverOne(parts: TakeOverParts, it: Case, signal: AbortSignal): Promise<TakenOver> {
  const { id, entries } = it.legacy;
  const { connections } = it.keeper;
  const functions = [...new Set(entries.flatMap((entry) => entry.function ?? []))];
  const judgement = await connections.inTurn(id, async () => {
    const judged = await judge(it, signal);
    if (judged.verdict === 'kept') await dropUnfinished(it.connection);
    return judged;
  });
  if (judgement.verdict === 'kept') return { connection: id, functions, ...judgement };
  const failure = await connections.end(id).then(
    () => undefined,
    (thrown: unknown) => toForwarderError(thrown).message,
  );
  for (const address of functions) {
    if (it.unclaimable.has(address) && !parts.quarantine.has(address)) parts.functions.recovered(address);
  }
  return { connection: id, functions, ...judgement, ...(failure !== undefined && { failure }) };
}

/** What cannot be looked at now is kept: its VF is claimed, so nobody else gets it, and it is looked at again later. */
async function judge(
  { legacy, keeper, connection, unclaimable }: Case,
  signal: AbortSignal,
): Promise<Pick<TakenOver, 'verdict' | 'reason'>> {
  const ended = (reason: string) => ({ verdict: 'ended' as const, reason });
  if (legacy.record === undefined) return ended('its first Request never succeeded, or it was being closed');
  const [lost] = legacy.entries.flatMap((entry) => unclaimable.get(recordedClaim(entry)?.function as PciAddress) ?? []);
  if (lost !== undefined) return ended(lost);
  try {
    const finding = await keeper.inspect(connection, signal);
    if (finding !== undefined && finding.kind !== 'changed') return ended(finding.reason);
    return { verdict: 'kept', reason: finding?.reason ?? 'its VF is where it should be' };
  } catch (thrown) {
    return { verdict: 'kept', reason: `it could not be looked at: ${toForwarderError(thrown).message}` };
  }
}

/**
 * A refresh that was under way may have asked another next hop, which nobody will use now. What it changed about the
 * netdev stays: the next refresh compares with the kernel, and Close undoes it all.
 */
async function dropUnfinished({ ledger, established }: HeldConnection): Promise<void> {
  const endpoint = established?.connection.networkServiceEndpointName;
  const hops = ledger.entries().filter(({ kind }) => kind === 'onward');
  const current = hops.find((entry) => onwardCandidate(entry).endpoint === endpoint) ?? hops[0];
  await ledger.release((entry) => entry.kind === 'onward' && entry.id !== current?.id);
}
