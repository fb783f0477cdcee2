import type { Book } from '../../ledger/book.js';
import type { Entry, Inverse, Step } from '../../ledger/entry.js';
import { cleanStray } from '../../mechanism/kernel/clean-stray.js';
import { functionOf } from '../../mechanism/kernel/function-of.js';
import type { World } from '../../mechanism/kernel/world.js';
import type { JsonObject } from '../../ports/json.js';
import type { PciAddress } from '../../ports/pci-address.js';
import { type OfferedFunction, recordedClaim } from '../elements/claim-function.js';

/** What is known beside the records of one connection. */
interface Knowledge {
  readonly book: Book;
  /** False when records may have been lost. */
  readonly recordsComplete: boolean;
  readonly offered: readonly OfferedFunction[];
}

/**
 * Makes good what a damaged journal has lost of a connection, so that the rest can be undone to the end: the claim of
 * each VF and the hold of each namespace that its steps speak of. As anything may have been done to a VF that is not on
 * record any more, it is also moved home, if it is away, and cleaned there. All of this is found out anew by the next
 * process.
 *
 * @param entries - of one connection, oldest first
 */
export function mendRecords(knowledge: Knowledge, entries: readonly Entry[]): readonly Entry[] {
  const { book } = knowledge;
  const made = (lost: Lost): Entry => ({ ...lost, id: book.nextId(), state: 'done' });
  const mended = [...[...lostClaims(entries), ...lostHolds(entries)].map(made), ...entries];
  return doubtedFunctions(knowledge, mended).reduce<readonly Entry[]>((all, { vf, connection }) => {
    const step = { connection, function: vf.function };
    const moved = insertMove(all, (args) => made({ ...step, kind: 'netdev-moved', args }), vf.function);
    const { physicalFunction, vfIndex, kernelDriver: driver } = vf;
    return beforeTheMove(
      moved,
      made({ ...step, kind: 'function-doubted', args: { physicalFunction, vfIndex, driver } }),
    );
  }, mended);
}

/** The inverse of `function-doubted`. */
export function cleanDoubted(world: World): Inverse {
  return (entry, signal) => {
    const args = entry.args as unknown as { physicalFunction: PciAddress; vfIndex: number; driver: string };
    return cleanStray(world, { ...args, function: functionOf(entry) }, signal);
  };
}

type Lost = Step & Pick<Entry, 'connection'>;

/** Nobody knows the token any more: the VF cannot be claimed under it, only freed. */
function lostClaims(entries: readonly Entry[]): Lost[] {
  const claimed = new Set(entries.flatMap((entry) => recordedClaim(entry)?.function ?? []));
  return firstOf(entries, ({ function: address }) => address).flatMap(({ connection, function: address }) =>
    address === undefined || claimed.has(address)
      ? []
      : [{ connection, kind: 'function-claimed', args: { owner: connection }, function: address, frees: true }],
  );
}

function lostHolds(entries: readonly Entry[]): Lost[] {
  const held = new Set(entries.flatMap(({ kind, args }) => (kind === 'namespace-held' ? args['namespace'] : [])));
  return firstOf(entries, ({ args }) => args['namespace']).flatMap(({ connection, args, function: address }) =>
    args['namespace'] === undefined || held.has(args['namespace'])
      ? []
      : [
          {
            connection,
            kind: 'namespace-held',
            args: { namespace: args['namespace'] },
            ...(address !== undefined && { function: address }),
          },
        ],
  );
}

/** The doubt is noted with the claim: later processes find a journal that is complete. */
function doubtedFunctions({ book, recordsComplete, offered }: Knowledge, entries: readonly Entry[]) {
  return entries.flatMap((entry) => {
    const vf = offered.find(({ function: address }) => address === recordedClaim(entry)?.function);
    if (vf === undefined) return [];
    const isLost = entry.args['token'] === undefined;
    if (recordsComplete && !isLost && entry.args['doubted'] !== true) return [];
    if (!isLost) book.change({ ...entry, args: { ...entry.args, doubted: true } });
    return [{ vf, connection: entry.connection }];
  });
}

/** Each namespace that the VF may be in: moving home what is not there does nothing. */
function insertMove(
  entries: readonly Entry[],
  made: (args: JsonObject) => Entry,
  address: PciAddress,
): readonly Entry[] {
  const own = entries.filter((entry) => entry.function === address);
  if (own.some(isMove)) return entries;
  const netdev = own.find(({ args }) => args['netdev'] !== undefined)?.args['netdev'] ?? anyNetdev;
  const moves = own.filter(({ kind }) => kind === 'namespace-held').map(({ args }) => made({ ...args, netdev }));
  const inside = entries.findIndex(({ kind, function: it }) => it === address && insideKinds.has(kind));
  return entries.toSpliced(inside < 0 ? entries.length : inside, 0, ...moves);
}

/** Steps in the client's namespace, which are undone there. */
const insideKinds: ReadonlySet<string> = new Set(['ip-added', 'ip-removed', 'link-changed', 'namespace-setting']);

/** Known by the function behind it alone. */
const anyNetdev: JsonObject = { index: 0, macs: [], names: [], parented: true };

function isMove({ kind }: Entry): boolean {
  return kind === 'netdev-moved' || kind === 'netdev-adopted';
}

/** A VF is cleaned at home, and before it gets back the MAC that nothing may forbid it then. */
function beforeTheMove(entries: readonly Entry[], step: Entry): readonly Entry[] {
  const move = entries.findIndex((entry) => entry.function === step.function && isMove(entry));
  return move < 0 ? [...entries, step] : entries.toSpliced(move, 0, step);
}

/** The first entry for each value. */
function firstOf<T>(entries: readonly Entry[], by: (entry: Entry) => T): Entry[] {
  const found = new Map<T, Entry>();
  for (const entry of entries) if (!found.has(by(entry))) found.set(by(entry), entry);
  return [...found.values()];
}
