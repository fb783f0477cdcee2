/** Locks a folder, starts a child that outlives it, and prints the child's process id. */
import { spawn } from 'node:child_process';
import { SystemClock } from '../../src/clock/system-clock.js';
import { lockFolder } from '../../src/journal/lock-folder.js';
import { RecordedLog } from '../deviceplugin/recorded-log.js';

const [, , folder = ''] = process.argv;
const { signal } = new AbortController();
await lockFolder(folder, { clock: new SystemClock(), log: new RecordedLog(), signal, patienceMs: 0 });
const child = spawn('sleep', ['60'], { detached: true, stdio: 'ignore' });
console.log(child.pid);
