import { createHash } from 'node:crypto';
import { lstat, rm, stat } from 'node:fs/promises';
import { connect } from 'node:net';
import { ForwarderError } from '../ports/error.js';

/** Bytes of `sockaddr_un.sun_path` without its closing zero (unix(7)). */
const LONGEST_SOCKET_PATH = 107;

/** What tells one file at a path from the next one there. */
export type FileIdentity = string & { readonly __fileIdentity: never };

/**
 * The file name of a plugin's socket: the same for the same resource name in every run, different for different ones,
 * at most 61 bytes of `[A-Za-z0-9._-]`.
 */
export function pluginSocketName(resource: string): string {
  const readable = resource.replace(/[^A-Za-z0-9.-]+/g, '_').slice(0, 36);
  const hash = createHash('sha256').update(resource).digest('hex').slice(0, 12);
  return `nsm-${readable}-${hash}.sock`;
}

/** @throws ForwarderError `invalid` when no socket can be made at the path because it is too long */
export function checkSocketPath(path: string): void {
  const length = Buffer.byteLength(path);
  if (length <= LONGEST_SOCKET_PATH) return;
  throw new ForwarderError(
    'invalid',
    `the socket path ${path} has ${length} bytes: a unix socket's path has at most ${LONGEST_SOCKET_PATH}`,
  );
}

/**
 * The identity of the file at a path, undefined when there is none. A restarted kubelet was seen to get the old inode
 * number for its socket, so the birth time counts too (the change time where the file system keeps no birth time).
 */
export async function fileIdentity(path: string): Promise<FileIdentity | undefined> {
  try {
    const facts = await stat(path, { bigint: true });
    const born = facts.birthtimeNs > 0n ? facts.birthtimeNs : facts.ctimeNs;
    return `${facts.dev}/${facts.ino}@${born}` as FileIdentity;
  } catch (thrown) {
    if (isAbsence(thrown)) return undefined;
    throw new ForwarderError('unknown', `cannot look at ${path}: ${String(thrown)}`, { cause: thrown });
  }
}

/**
 * Makes room for a socket at the path: removes one that a process left behind when it died.
 *
 * @throws ForwarderError `busy` when a living process listens there, `exists` when something else than a socket is there
 */
export async function clearStaleSocket(path: string): Promise<void> {
  const facts = await lstat(path).catch((thrown: unknown) => {
    if (isAbsence(thrown)) return undefined;
    throw thrown;
  });
  if (facts === undefined) return;
  if (!facts.isSocket()) throw new ForwarderError('exists', `${path} is in the way: it is not a socket`);
  if (await isAnswered(path)) throw new ForwarderError('busy', `another process listens on ${path}`);
  await rm(path, { force: true });
}

function isAnswered(path: string): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(path);
    socket.once('connect', () => {
      socket.destroy();
      resolve(true);
    });
    // A full backlog (EAGAIN) also means that somebody holds the other end.
    socket.once('error', (error: NodeJS.ErrnoException) => resolve(error.code === 'EAGAIN'));
  });
}

function isAbsence(thrown: unknown): boolean {
  const code = (thrown as NodeJS.ErrnoException).code;
  return code === 'ENOENT' || code === 'ENOTDIR';
}
