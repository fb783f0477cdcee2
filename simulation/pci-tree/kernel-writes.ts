import { writeFile } from 'node:fs/promises';
import { relative } from 'node:path';
import { parsePciAddress } from '../../src/ports/pci-address.js';
import type { EmulatedKernel } from './emulated-kernel.js';
import { KernelRefusal } from './kernel-refusal.js';
import type { TreeFolders } from './tree-folders.js';

/**
 * Writes to the simulated tree as the kernel answers them, errno included: what no folder of ordinary files can do. The
 * shape is that of an attribute writer.
 */
export class KernelWrites {
  readonly #folders: TreeFolders;
  readonly #kernel: EmulatedKernel;

  constructor(folders: TreeFolders, kernel: EmulatedKernel) {
    this.#folders = folders;
    this.#kernel = kernel;
  }

  /** @throws KernelRefusal; the signal's reason, while what was begun goes on as in a kernel */
  async write({ file, text }: { readonly file: string; readonly text: string }, signal: AbortSignal): Promise<void> {
    signal.throwIfAborted();
    const listening = new AbortController();
    const left = new Promise<never>((_, reject) => {
      const leave = () => reject(signal.reason as Error);
      signal.addEventListener('abort', leave, { signal: listening.signal, once: true });
    });
    try {
      await Promise.race([this.#perform(relative(this.#folders.root, file), file, text), left]);
    } finally {
      listening.abort();
    }
  }

  async #perform(path: string, file: string, text: string): Promise<void> {
    const value = text.replace(/\n$/, '');
    const [, , kind, owner = '', attribute] = path.split('/');
    if (kind === 'drivers_probe') return this.#kernel.probe(value);
    if (kind === 'drivers') return this.#perDriver(owner, attribute, value);
    if (attribute === 'sriov_numvfs') return this.#setVfCount(owner, value);
    if (attribute === 'reset') return this.#kernel.reset(owner, value);
    if (attribute !== 'driver_override') throw new KernelRefusal('EACCES', `${path} is not for writing`);
    await writeFile(file, text, { flag: 'r+' });
  }

  async #setVfCount(pf: string, value: string): Promise<void> {
    await this.#kernel.setVfCount(pf, parseCount(value));
    await this.#folders.setAttribute(parsePciAddress(pf), 'sriov_numvfs', `${this.#kernel.vfCount(pf)}`);
  }

  async #perDriver(driver: string, attribute: string | undefined, address: string): Promise<void> {
    if (!this.#kernel.drivers.has(driver)) throw new KernelRefusal('ENOENT', `there is no driver ${driver}`);
    if (attribute === 'bind') await this.#kernel.bind(driver, address);
    else if (attribute === 'unbind') await this.#kernel.unbind(driver, address);
    else throw new KernelRefusal('EACCES', `${attribute} of ${driver} is not for writing`);
  }
}

/** As the kernel reads a number: decimal, or hexadecimal with 0x. @throws KernelRefusal EINVAL */
export function parseCount(text: string): number {
  if (!/^(0x[0-9a-f]+|\d+)$/i.test(text)) throw new KernelRefusal('EINVAL', `${JSON.stringify(text)} is no number`);
  return Number(text);
}
