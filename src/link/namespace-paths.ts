import { readdir, readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import type { NamespaceId } from '../ports/links.js';

/** Processes looked at together: enough to keep the pool's threads busy, few enough that others get their turn. */
const batch = 32;

/**
 * Paths that lead to a network namespace, as far as a /proc shows them: those of processes in it, then those of mounts
 * that keep it (`ip netns add`). What looks right may be gone or another when it is opened: processes end at any time.
 *
 * @param proc the root of the proc file system
 * @param signal ends the search early
 */
export async function* namespacePaths(
  proc: string,
  id: NamespaceId,
  signal: AbortSignal,
): AsyncGenerator<string, void, void> {
  const processes = (await readdir(proc).catch(() => [])).filter((name) => /^\d+$/.test(name));
  for (let first = 0; first < processes.length && !signal.aborted; first += batch) {
    const paths = processes.slice(first, first + batch).map((pid) => join(proc, pid, 'ns/net'));
    const ids = await Promise.all(paths.map(idOf));
    yield* paths.filter((_, n) => ids[n] === id);
  }
  yield* await mountsOf(proc, id);
}

/** The id, without opening: undefined for what is gone or not ours to see. */
async function idOf(path: string): Promise<NamespaceId | undefined> {
  const found = await stat(path, { bigint: true }).catch(() => undefined);
  return found && (`${found.dev}/${found.ino}` as NamespaceId);
}

/** Mount points of the namespace (proc(5), mountinfo: fields 4 and 5 are the root within nsfs and the mount point). */
async function mountsOf(proc: string, id: NamespaceId): Promise<readonly string[]> {
  const table = await readFile(join(proc, 'self/mountinfo'), 'utf8').catch(() => '');
  const root = `net:[${id.split('/')[1]}]`;
  return table.split('\n').flatMap((line) => {
    const [, , , at, point] = line.split(' ');
    return at === root && point !== undefined ? [unescaped(point)] : [];
  });
}

/** White space and backslashes are written in octal (`\040`). */
function unescaped(text: string): string {
  return text.replace(/\\([0-7]{3})/g, (_, octal: string) => String.fromCharCode(Number.parseInt(octal, 8)));
}
