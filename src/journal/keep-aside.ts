import { errnoOf } from './errno.js';
import type { Place } from './file-calls.js';

/**
 * Gives the file another name before a new one takes its place, so that a person can look at it: `journal.foreign`,
 * `journal.version-2`, with a number where that name is taken. A damaged journal, whose readable part lives on in the
 * new one, is kept once, and only where the file system has hard links.
 *
 * @throws what the file system says when a file that must not be lost can have no other name
 */
export function keepAside(place: Place, as: string): void {
  const { calls, file } = place;
  if (as === 'damaged') {
    unlessItFails(() => calls.unlinkSync(`${file}.damaged`));
    unlessItFails(() => calls.linkSync(file, `${file}.damaged`));
    return;
  }
  const name = freeName(place, as);
  // With two names there is no instant without a journal. A folder cannot have two, nor any file on some file systems.
  const failure = unlessItFails(() => calls.linkSync(file, name));
  if (failure !== undefined && errnoOf(failure) !== 'ENOENT') calls.renameSync(file, name);
}

function freeName({ calls, file }: Place, as: string): string {
  const first = `${file}.${as}`;
  let name = first;
  for (let n = 2; calls.existsSync(name); n += 1) name = `${first}-${n}`;
  return name;
}

function unlessItFails(action: () => void): Error | undefined {
  try {
    action();
    return undefined;
  } catch (error) {
    return error as Error;
  }
}
