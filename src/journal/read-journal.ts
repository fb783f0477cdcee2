import { constants } from 'node:fs';
import { ForwarderError } from '../ports/error.js';
import { Contents } from './contents.js';
import { errnoOf } from './errno.js';
import type { Place } from './file-calls.js';
import { decodeHeader, type Header, isCutHeader, isNewer, seedOf } from './header.js';
import type { History } from './history.js';
import { Replay } from './replay.js';

/** Up to where a file can be gone on with. */
export interface Resumable {
  /** In bytes. */
  readonly size: number;
  /** Bytes behind that: a batch that a process was killed in the middle of. */
  readonly torn: number;
  readonly batches: number;
  readonly changes: number;
}

/** What a start finds. */
export interface Found {
  readonly history: History;
  readonly contents: Contents;
  /** Absent when a new file has to take the place of this one. */
  readonly resumable?: Resumable;
  /** The other name under which this file is kept when a new one takes its place. */
  readonly keepAs?: string;
}

/** Far more than the journal of a node with thousands of VFs, and less than the memory of the process. */
export const longest = 256 * 1024 * 1024;

/**
 * Reads the journal as it is. Nothing about a file is an error: it can be read, or a part of it can, or nothing.
 *
 * @throws ForwarderError `exhausted` when this process has no descriptor or memory left to read it with
 */
export function readJournal(place: Place): Found {
  let bytes: Buffer | undefined;
  try {
    bytes = readBytes(place);
  } catch (error) {
    const errno = errnoOf(error);
    const text = `it cannot be read: ${error instanceof Error ? error.message : String(error)}`;
    if (['EMFILE', 'ENFILE', 'ENOMEM'].includes(errno ?? '')) {
      throw new ForwarderError('exhausted', `${place.file}: ${text}`, { cause: error, details: { errno } });
    }
    return nothing(text, 'unreadable');
  }
  if (bytes === undefined) return { history: { kind: 'fresh' }, contents: new Contents() };
  if (bytes.length === 0) return nothing('it is empty, not even a first line is left');
  return readContents(bytes, place.bootId);
}

function readBytes({ calls, file }: Place): Buffer | undefined {
  let fd: number;
  try {
    // Opening a pipe that somebody put there would wait for a writer.
    fd = calls.openSync(file, constants.O_RDONLY | constants.O_NONBLOCK | constants.O_NOFOLLOW);
  } catch (error) {
    if (errnoOf(error) === 'ENOENT') return undefined;
    throw error;
  }
  try {
    const stat = calls.fstatSync(fd);
    if (!stat.isFile()) throw new Error('it is no regular file');
    if (stat.size > longest) throw new Error(`${stat.size} bytes are more than the ${longest} of any journal`);
    return calls.readFileSync(fd);
  } finally {
    calls.closeSync(fd);
  }
}

function readContents(bytes: Buffer, bootId: string): Found {
  const header = decodeHeader(bytes);
  if (header.kind === 'own' && header.bootId !== bootId) {
    const what = `its records are of boot ${header.bootId}, this is boot ${bootId}`;
    return { history: { kind: 'voided', what }, contents: new Contents() };
  }
  const known: History = header.kind === 'own' ? header.history : { kind: 'intact' };
  const lost = known.kind === 'damaged' ? known.lost : new Map();
  const replay = new Replay(bytes, { from: header.next, seed: seedOf(bootId), lost });
  if (header.kind === 'other' && replay.batches === 0) return notOurs(bytes, header);
  const { contents, end, batches, changes } = replay;
  const wrong = [...(header.kind === 'other' ? ['its first line is damaged'] : []), ...describe(replay)];
  const history = historyOf(known, contents, wrong);
  if (wrong.length > 0) return { history, contents, keepAs: 'damaged' };
  return { history, contents, resumable: { size: end, torn: bytes.length - end, batches, changes } };
}

/** A file of which no line can be read, the first included. */
function notOurs(bytes: Buffer, { version }: Extract<Header, { kind: 'other' }>): Found {
  if (isCutHeader(bytes)) return nothing('it is truncated, within its first line');
  if (isNewer(version)) return nothing(`a newer forwarder has written it, in version ${version}`, `version-${version}`);
  if (version !== undefined) return nothing('none of its lines has the right checksum, nor has the first', 'damaged');
  return nothing('it is a foreign file: its first line is not that of a journal', 'foreign');
}

function nothing(what: string, keepAs?: string): Found {
  const history = { kind: 'damaged', what, lost: new Map() } as const;
  return { history, contents: new Contents(), ...(keepAs !== undefined && { keepAs }) };
}

function historyOf(known: History, contents: Contents, wrong: readonly string[]): History {
  const now = wrong.length > 0 ? [wrong.join('; ')] : [];
  const before = known.kind === 'damaged' ? [known.what] : [];
  if (now.length + before.length === 0) return known;
  // A copy: the contents' own changes with every write.
  return { kind: 'damaged', what: [...now, ...before].join('; earlier: '), lost: new Map(contents.lost) };
}

function describe({ damage, gap }: Replay): string[] {
  const shown = damage.slice(0, 5).join(', ');
  const more = damage.length > 5 ? ` and ${damage.length - 5} more` : '';
  return [
    ...(damage.length > 0 ? [`records are damaged at offset ${shown}${more}`] : []),
    ...(gap !== undefined ? [`records are missing before offset ${gap}: older ones may be out of date`] : []),
  ];
}
