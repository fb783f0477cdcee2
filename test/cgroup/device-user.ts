import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { DeviceNumber } from '../../src/ports/device-access.js';
import type { Verdict } from '../contract/device-access-harness.js';

/** Processes that are put into a cgroup and then use a device. */
export class DeviceUser implements Disposable {
  readonly #folder = mkdtempSync(join(tmpdir(), 'devices-'));
  #nodes = 0;

  /** @param cgroupFolder - the cgroup's folder in the file system */
  async open(cgroupFolder: string, device: DeviceNumber): Promise<Verdict> {
    const node = this.#path();
    await this.#said('', `mknod ${node} c ${device.major} ${device.minor}`);
    return verdict(await this.#said(cgroupFolder, `exec 3<>${node}`));
  }

  async makeNode(cgroupFolder: string, device: DeviceNumber): Promise<Verdict> {
    return verdict(await this.#said(cgroupFolder, `mknod ${this.#path()} c ${device.major} ${device.minor}`));
  }

  [Symbol.dispose](): void {
    rmSync(this.#folder, { recursive: true });
  }

  #path(): string {
    this.#nodes += 1;
    return join(this.#folder, `node-${this.#nodes}`);
  }

  /** What a command says to its standard error; it begins when its process is in the cgroup. */
  async #said(cgroupFolder: string, command: string): Promise<string> {
    const shell = spawn('sh', ['-c', `read go; ${command}`], {
      stdio: ['pipe', 'ignore', 'pipe'],
      env: { ...process.env, LC_ALL: 'C' },
    });
    let said = '';
    shell.stderr.on('data', (text: Buffer) => {
      said += text.toString();
    });
    await once(shell, 'spawn');
    if (cgroupFolder !== '') writeFileSync(join(cgroupFolder, 'cgroup.procs'), String(shell.pid));
    shell.stdin.end('go\n');
    await once(shell, 'close');
    return said;
  }
}

/** A device that is not there is opened in vain, but not against the rules. */
function verdict(said: string): Verdict {
  if (said === '' || said.includes('No such device')) return 'allowed';
  if (said.includes('Operation not permitted')) return 'forbidden';
  throw new Error(`neither allowed nor forbidden: ${said}`);
}
