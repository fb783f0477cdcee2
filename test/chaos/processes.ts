import { readdirSync, readFileSync } from 'node:fs';

/** Ids of the processes that write to the PCI tree for a daemon, or for one that is dead, of the node with this folder. */
export function writeHelpers(folder: string): readonly number[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => /\/write-helper\.[jt]s/.test(read(pid, 'cmdline')) && read(pid, 'environ').includes(`${folder}/`))
    .map(Number);
}

/** Empty for a process that is gone. */
function read(pid: string, file: string): string {
  try {
    return readFileSync(`/proc/${pid}/${file}`, 'latin1');
  } catch {
    return '';
  }
}

/** Kills a process; one that is gone is no error. */
export function kill(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL');
  } catch {
    // It was quicker.
  }
}
