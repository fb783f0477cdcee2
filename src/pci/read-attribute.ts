import { lstatSync, readdirSync, readFileSync, readlinkSync } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import { errnoOf } from './errno.js';

/*
 * What is read here the kernel has in memory: no device is asked and no lock of one is taken (kernfs, and for netdevs
 * RCU), so nothing waits. Through the thread pool the same would take four errands, each of which costs several times
 * what the whole read does. The exception is an attribute that takes the RTNL lock, see readLockedAttribute.
 */

/** The last part of a link's target (`igbvf` of `…/drivers/igbvf`); undefined when there is no such link. */
export async function readLinkName(file: string): Promise<string | undefined> {
  const target = await unlessAbsent(() => readlinkSync(file), 'ENOENT');
  return target === undefined ? undefined : basename(target);
}

/** An attribute without its line end; undefined when the function has none. */
export async function readAttribute(file: string): Promise<string | undefined> {
  return (await unlessAbsent(() => readFileSync(file, 'utf8'), 'ENOENT'))?.trimEnd();
}

/**
 * An attribute of a netdev; undefined when the driver does not serve it. Such an attribute is there and fails when it
 * is read (EOPNOTSUPP, which Node calls ENOTSUP), and one of a netdev that is just leaving fails with EINVAL.
 */
export async function readNetdevAttribute(file: string): Promise<string | undefined> {
  return (await unlessAbsent(() => readFileSync(file, 'utf8'), ...notServed))?.trimEnd();
}

/**
 * The same for an attribute of a netdev that waits for the RTNL lock, which others hold for as long as their hardware
 * takes: read in the thread pool.
 */
export async function readLockedAttribute(file: string): Promise<string | undefined> {
  return (await unlessAbsent(() => readFile(file, 'utf8'), ...notServed))?.trimEnd();
}

const notServed = ['ENOENT', 'ENOTSUP', 'EOPNOTSUPP', 'EINVAL', 'ENODEV'] as const;

/** The names in a folder; none when there is no such folder. */
export async function listNames(folder: string): Promise<readonly string[]> {
  return (await unlessAbsent(() => readdirSync(folder), 'ENOENT')) ?? [];
}

/** True when there is such a file, folder or link, wherever the link points. */
export async function pathExists(path: string): Promise<boolean> {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}

async function unlessAbsent<T>(read: () => T | Promise<T>, ...absent: string[]): Promise<T | undefined> {
  try {
    return await read();
  } catch (error) {
    if (absent.includes(errnoOf(error) ?? '')) return undefined;
    throw error;
  }
}
