import { type BigIntStats, statSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { ForwarderError, toForwarderError } from '../ports/error.js';
import { type PodUid, parsePodUid } from '../ports/pod-cgroup.js';

/** The devices of one resource that kubelet gave to one container. */
export interface CheckpointEntry {
  readonly pod: PodUid;
  readonly container: string;
  readonly resource: string;
  readonly devices: readonly string[];
}

/** What kubelet wrote, with what tells this version of the file from the next. */
export interface DeviceCheckpoint {
  readonly version: string;
  /** The same object as before when they are the same: kubelet writes the file for every list of a plugin, too. */
  readonly entries: readonly CheckpointEntry[];
}

/** kubelet writes some 300 bytes for each container with devices. */
const mostBytes = 64 * 1024 * 1024;

/**
 * Which devices kubelet's device manager has given to which pods, as it keeps it for its own restart: the only file on a
 * node that joins a device to a pod's UID. kubelet puts a new file in its place for each change. It is no interface: the
 * shape is checked, the checksum is not, as its rule has changed between releases; compare it with what kubelet says.
 */
export class DeviceCheckpointFile {
  readonly #path: string;
  #last: DeviceCheckpoint | undefined;

  /** @param path - `kubelet_internal_checkpoint` in kubelet's folder of device plugins */
  constructor(path: string) {
    this.#path = path;
  }

  /** @throws ForwarderError `unavailable` when it cannot be read, `unsupported` when it is not as known */
  async read(): Promise<DeviceCheckpoint> {
    const version = this.#version();
    if (this.#last?.version === version) return this.#last;
    const entries = parseDeviceCheckpoint(await this.#readText(), this.#path);
    const before = this.#last?.entries;
    const isSame = JSON.stringify(before) === JSON.stringify(entries);
    // What was read may be newer than its version says: then the next look reads it again.
    this.#last = { version, entries: isSame ? (before ?? entries) : entries };
    return this.#last;
  }

  #version(): string {
    const { dev, ino, mtimeNs, size } = this.#look();
    if (size <= mostBytes) return `${dev}/${ino}@${mtimeNs}+${size}`;
    throw new ForwarderError('unsupported', `${this.#path} has ${size} bytes: expected at most ${mostBytes}`);
  }

  /** At once: it was renamed to this place, so the kernel has what is asked in memory, and two errands cost more. */
  #look(): BigIntStats {
    try {
      return statSync(this.#path, { bigint: true });
    } catch (cause) {
      throw unreadable(cause);
    }
  }

  async #readText(): Promise<string> {
    try {
      return await readFile(this.#path, 'utf8');
    } catch (cause) {
      throw unreadable(cause);
    }
  }
}

function unreadable(cause: unknown): ForwarderError {
  const { message } = toForwarderError(cause);
  return new ForwarderError('unavailable', `kubelet's checkpoint cannot be read: ${message}`, { cause });
}

/** @throws ForwarderError `unsupported`, naming the file and what is not as known */
export function parseDeviceCheckpoint(text: string, path: string): readonly CheckpointEntry[] {
  const strange = (what: string, cause?: unknown) =>
    new ForwarderError('unsupported', `${path} is not kubelet's checkpoint of devices as known: ${what}`, { cause });
  let whole: unknown;
  try {
    whole = JSON.parse(text);
  } catch (cause) {
    throw strange('it is not JSON', cause);
  }
  const entries = member(member(whole, 'Data'), 'PodDeviceEntries');
  // Go writes a list without members as null.
  if (entries === null) return [];
  if (!Array.isArray(entries)) throw strange('Data.PodDeviceEntries is not a list');
  return entries.map((entry, n) => {
    try {
      return parseEntry(entry);
    } catch (cause) {
      throw strange(`Data.PodDeviceEntries[${n}]: ${toForwarderError(cause).message}`, cause);
    }
  });
}

function parseEntry(entry: unknown): CheckpointEntry {
  return {
    pod: parsePodUid(text(entry, 'PodUID')),
    container: text(entry, 'ContainerName'),
    resource: text(entry, 'ResourceName'),
    devices: parseDevices(member(entry, 'DeviceIDs')),
  };
}

/** By NUMA node, or as one list (kubelet before 1.20). */
function parseDevices(devices: unknown): readonly string[] {
  if (devices === null) return [];
  const lists = Array.isArray(devices) ? [devices] : typeof devices === 'object' ? Object.values(devices) : [];
  const ids: unknown[] = lists.flat();
  if (typeof devices === 'object' && ids.every((id) => typeof id === 'string')) return ids;
  throw new ForwarderError('invalid', 'DeviceIDs are not lists of ids');
}

function text(of: unknown, name: string): string {
  const value = member(of, name);
  if (typeof value === 'string') return value;
  throw new ForwarderError('invalid', `${name} is not a text`);
}

function member(of: unknown, name: string): unknown {
  return typeof of === 'object' && of !== null ? (of as Readonly<Record<string, unknown>>)[name] : undefined;
}
