import { lstat, readdir, readFile, readlink } from 'node:fs/promises';
import { basename } from 'node:path';
import { errnoOf } from './errno.js';

/** The last part of a link's target (`igbvf` of `…/drivers/igbvf`); undefined when there is no such link. */
export async function readLinkName(file: string): Promise<string | undefined> {
  const target = await unlessAbsent(readlink(file), 'ENOENT');
  return target === undefined ? undefined : basename(target);
}

/** An attribute without its line end; undefined when the function has none. */
export async function readAttribute(file: string): Promise<string | undefined> {
  return (await unlessAbsent(readFile(file, 'utf8'), 'ENOENT'))?.trimEnd();
}

/**
 * An attribute of a netdev; undefined when the driver does not serve it. Such an attribute is there and fails when it
 * is read (EOPNOTSUPP, which Node calls ENOTSUP), and one of a netdev that is just leaving fails with EINVAL.
 */
export async function readNetdevAttribute(file: string): Promise<string | undefined> {
  const text = await unlessAbsent(readFile(file, 'utf8'), 'ENOENT', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL', 'ENODEV');
  return text?.trimEnd();
}

/** The names in a folder; none when there is no such folder. */
export async function listNames(folder: string): Promise<readonly string[]> {
  return (await unlessAbsent(readdir(folder), 'ENOENT')) ?? [];
}

/** True when there is such a file, folder or link, wherever the link points. */
export async function pathExists(path: string): Promise<boolean> {
  return (await unlessAbsent(lstat(path), 'ENOENT')) !== undefined;
}

async function unlessAbsent<T>(reading: Promise<T>, ...absent: string[]): Promise<T | undefined> {
  try {
    return await reading;
  } catch (error) {
    if (absent.includes(errnoOf(error) ?? '')) return undefined;
    throw error;
  }
}
