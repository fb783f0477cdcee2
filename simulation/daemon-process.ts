import { existsSync, readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { NamespaceFile } from '../src/native/network-namespace.js';
import { RunningProgram } from './running-program.js';

export interface DaemonOptions {
  /** The network namespace that it takes for the host's. */
  readonly home: NamespaceFile;
  /** All of its environment. */
  readonly env: Readonly<Record<string, string>>;
  /** The compiled program, or the sources loaded as they are; the compiled one unless the sources are newer. */
  readonly program?: 'compiled' | 'source';
}

const root = fileURLToPath(new URL('..', import.meta.url));

/** The real daemon as a child process. */
export class DaemonProcess extends RunningProgram {
  constructor({ home, env, program }: DaemonOptions) {
    super({
      name: 'the daemon',
      command: daemonCommand(program),
      namespace: home,
      env: { ...inheritedEnvironment(), ...env },
      cwd: root,
    });
  }

  /** What it holds now, from outside. `memory` is its resident set in MiB. */
  usage(): { readonly descriptors: readonly string[]; readonly memory: number } {
    const folder = `/proc/${this.pid}/fd`;
    const descriptors = readdirSync(folder).map((fd) => {
      try {
        return readlinkSync(join(folder, fd));
      } catch {
        return 'closed meanwhile';
      }
    });
    const resident = /^VmRSS:\s+(\d+) kB/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'))?.[1];
    return { descriptors, memory: Number(resident) / 1024 };
  }
}

/** The command that starts the daemon. */
export function daemonCommand(program: 'compiled' | 'source' = freshest()): readonly [string, ...string[]] {
  const { execPath } = process;
  if (program === 'compiled') return [execPath, join(root, 'dist/src/start.cjs')];
  return [execPath, '--import', 'tsx', join(root, 'src/start.cts')];
}

function freshest(): 'compiled' | 'source' {
  const compiled = join(root, 'dist/src/start.cjs');
  if (!existsSync(compiled)) return 'source';
  const built = statSync(compiled).mtimeMs;
  const sources = readdirSync(join(root, 'src'), { recursive: true, withFileTypes: true });
  const newer = sources.some((it) => it.isFile() && statSync(join(it.parentPath, it.name)).mtimeMs > built);
  return newer ? 'source' : 'compiled';
}

/** What the daemon has from the surroundings of this process: where programs are, and whether it is to be debugged. */
export function inheritedEnvironment(): NodeJS.ProcessEnv {
  const { PATH, DLV_LISTEN_FORWARDER } = process.env;
  return { PATH, ...(DLV_LISTEN_FORWARDER !== undefined && { DLV_LISTEN_FORWARDER }) };
}
