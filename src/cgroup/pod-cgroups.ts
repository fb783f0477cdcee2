import { type BigIntStats, lstatSync, readdirSync } from 'node:fs';
import { basename, join } from 'node:path';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Cgroup } from '../ports/device-access.js';
import { ForwarderError } from '../ports/error.js';
import { isPodsFolder, type PodUid, podFolders } from '../ports/pod-cgroup.js';
import { errnoOf } from './cgroup-failure.js';

/** A container may make cgroups of its own: it must not keep the daemon busy with them. */
const mostCgroups = 512;
/** Cgroups that are looked at before others get their turn. */
const atOnce = 64;
/** A folder has a link from above, its own, and one from each folder in it (kernel: kernfs_refresh_inode). */
const linksOfLeaf = 2n;
/** A node's own tree is a few levels deep, with a few more where the node is a container itself. */
const deepestPodsFolder = 10;

/**
 * Finds the cgroups of pods in one hierarchy, by kubelet's layouts and below whatever folder kubelet was told to use.
 * Of several folders with the name the one nearest to the root counts: what pods and users make lies deeper.
 */
export class PodCgroups {
  readonly #root: string;
  /** Pods folders found so far, by their distance from the root; a pod that is in none of them leads to a new look. */
  #podsFolders: readonly (readonly string[])[] = [];
  #looking: Promise<void> | undefined;

  /** @param root - where the hierarchy is mounted */
  constructor(root: string) {
    this.#root = root;
  }

  /** See {@link DeviceAccess.cgroupsOf}. */
  async of(pod: PodUid, signal: AbortSignal): Promise<readonly Cgroup[]> {
    const known = this.#folderOf(pod);
    if (known === undefined) await this.#look(signal);
    const folder = known ?? this.#folderOf(pod);
    if (folder === undefined) return [];
    const found = await this.#tree(folder, signal);
    if (found.length <= mostCgroups) return found;
    throw new ForwarderError(
      'exhausted',
      `pod ${pod} has more than ${mostCgroups} cgroups: it made too many of its own`,
    );
  }

  /** The cgroups of all pods. */
  async *all(signal: AbortSignal): AsyncGenerator<Cgroup> {
    await this.#look(signal);
    for (const folder of this.#podsFolders.flat()) yield* await this.#tree(folder, signal, Number.POSITIVE_INFINITY);
  }

  #folderOf(pod: PodUid): string | undefined {
    for (const equallyNear of this.#podsFolders) {
      const candidates = equallyNear.flatMap((at) => podFolders(basename(at), pod).map((folder) => `${at}/${folder}`));
      const found = candidates.filter((path) => this.#folder(path) !== undefined);
      if (found.length > 1) {
        throw new ForwarderError('refused', `pod ${pod} has two cgroups: ${found.join(' and ')}`);
      }
      if (found.length === 1) return found[0];
    }
    return undefined;
  }

  /** Looks for pods folders; whoever wants to know meanwhile waits for the same look. */
  #look(signal: AbortSignal): Promise<void> {
    this.#looking ??= this.#podsFoldersBelow(signal)
      .then((found) => {
        this.#podsFolders = found;
      })
      .finally(() => {
        this.#looking = undefined;
      });
    return this.#looking;
  }

  async #podsFoldersBelow(signal: AbortSignal): Promise<readonly (readonly string[])[]> {
    const found: string[][] = [];
    let level = [''];
    for (let depth = 0; level.length > 0 && depth < deepestPodsFolder; depth += 1) {
      const children: string[] = [];
      await this.#letOthersRun(signal);
      for (const path of level) children.push(...this.#children(path));
      found.push(children.filter((path) => isPodsFolder(basename(path))));
      level = children.filter((path) => !isPodsFolder(basename(path)));
    }
    return found.filter((paths) => paths.length > 0);
  }

  /** The folder and all below it, level by level. */
  async #tree(folder: string, signal: AbortSignal, most = mostCgroups): Promise<readonly Cgroup[]> {
    const found: Cgroup[] = [];
    const paths = [folder];
    // It grows while it is walked.
    for (const path of paths) {
      const status = this.#folder(path);
      if (status === undefined) continue;
      found.push({ path, inode: String(status.ino) });
      if (found.length > most) break;
      if (found.length % atOnce === 0) await this.#letOthersRun(signal);
      if (status.nlink === linksOfLeaf) continue;
      for (const child of this.#children(path)) paths.push(child);
    }
    return found;
  }

  /** Reading a cgroup file system waits for nothing, but a large tree takes a while. */
  async #letOthersRun(signal: AbortSignal): Promise<void> {
    await nextTurn();
    signal.throwIfAborted();
  }

  #children(path: string): readonly string[] {
    try {
      const entries = readdirSync(join(this.#root, path), { withFileTypes: true });
      return entries.filter((entry) => entry.isDirectory()).map((entry) => `${path}/${entry.name}`);
    } catch (error) {
      if (errnoOf(error) !== 'ENOENT') throw error;
      return [];
    }
  }

  #folder(path: string): BigIntStats | undefined {
    const status = lstatSync(join(this.#root, path), { bigint: true, throwIfNoEntry: false });
    return status?.isDirectory() ? status : undefined;
  }
}
