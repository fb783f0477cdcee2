import { readdir, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { policies as all, patternOf, policiesBy } from '../policies/catalogue.js';
import type { Policy } from '../policies/policy.js';
import { ForwarderError } from '../ports/error.js';
import type { Log } from '../ports/log.js';

/** No folder of policies has nearly as many files. */
const mostFiles = 10_000;

/**
 * The policies that the masks of a setting select, each once. No mask at all means no policy, with a warning.
 *
 * @throws ForwarderError `invalid` for a mask that selects nothing: it would silently allow everything; and for one that
 * selects Rego files, which nothing here can evaluate
 */
export async function choosePolicies(variable: string, masks: readonly string[], log: Log): Promise<readonly Policy[]> {
  if (masks.length === 0) log.warn(`${variable} is empty: everything that its policies would judge is allowed`);
  const chosen = new Set<Policy>();
  for (const mask of masks) {
    const selected = policiesBy(mask);
    if (selected.length === 0) throw new ForwarderError('invalid', `${variable}: ${await whyNot(mask)}`);
    for (const policy of selected) chosen.add(policy);
  }
  return [...chosen];
}

async function whyNot(mask: string): Promise<string> {
  const file = await regoFileOf(mask);
  if (file !== undefined) return `${mask} selects ${file}, and Rego files are not evaluated here`;
  const names = all.map(({ name }) => `etc/nsm/opa/${name}.rego`).join(', ');
  return `${mask} selects no policy; there are ${names}`;
}

/** A file that the mask names or matches. */
async function regoFileOf(mask: string): Promise<string | undefined> {
  try {
    if ((await stat(mask).catch(() => undefined))?.isFile()) return mask;
    const folder = dirname(mask);
    const files = (await readdir(folder, { recursive: true })).slice(0, mostFiles);
    const pattern = patternOf(mask);
    return files.map((file) => join(folder, file)).find((file) => pattern.test(file));
  } catch {
    return undefined; // no such folder
  }
}
