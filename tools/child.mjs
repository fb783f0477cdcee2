import { spawn } from 'node:child_process';
import { constants } from 'node:os';

/** Time that a command has to clean up after it was told to end, unless the caller says otherwise. */
const usualGraceSeconds = 30;

/** This process was told to end; thrown once the command it was running has ended. */
export class Interrupted extends Error {
  /** @param {NodeJS.Signals} signal */
  constructor(signal) {
    super(`ended by ${signal}`);
    this.status = 128 + constants.signals[signal];
  }
}

/**
 * @typedef {object} Ending
 * @property {number} status Exit status as a shell counts it: 128 + N after signal N, 127 when it cannot be started.
 * @property {boolean} tookTooLong
 * @property {string} output What it wrote to its standard output, when that was wanted.
 */

/**
 * Runs a command to its end in a process group of its own, with no standard input. The whole group is told to end when
 * the time is up or when this process is told so (it is not in the terminal's foreground group, so it gets Ctrl-C from
 * here), and is killed when it does not. What the command leaves running in its group is killed when it ends: a shell's
 * background jobs, for example, ignore Ctrl-C.
 *
 * @param {readonly [string, ...string[]]} command
 * @param {{ minutes: number, graceSeconds?: number, keepOutput?: boolean, env?: Record<string, string> }} options
 * @returns {Promise<Ending>}
 * @throws {Interrupted}
 */
export async function run(
  [program, ...args],
  { minutes, graceSeconds = usualGraceSeconds, keepOutput = false, env = {} },
) {
  const child = spawn(program, args, {
    detached: true,
    env: { ...process.env, ...env },
    stdio: ['ignore', keepOutput ? 'pipe' : 'inherit', 'inherit'],
  });
  const leash = leashOf(child, graceSeconds);
  const limit = setTimeout(() => {
    console.error(`${program}: still running after ${minutes} minutes, ending it`);
    leash.end('SIGTERM');
  }, minutes * 60_000);
  const signals = /** @type {const} */ (['SIGINT', 'SIGTERM', 'SIGHUP']);
  /** @type {NodeJS.Signals | undefined} */
  let told;
  /** @param {NodeJS.Signals} signal */
  const onSignal = (signal) => {
    told ??= signal;
    leash.end(signal);
  };
  for (const signal of signals) process.on(signal, onSignal);
  const ending = await endingOf(child, program);
  clearTimeout(limit);
  for (const signal of signals) process.off(signal, onSignal);
  const tookTooLong = leash.ended() && told === undefined;
  leash.drop();
  if (told !== undefined) throw new Interrupted(told);
  return { ...ending, tookTooLong };
}

/**
 * @param {import('node:child_process').ChildProcess} child
 * @param {string} program
 * @returns {Promise<{ status: number, output: string }>}
 */
function endingOf(child, program) {
  let output = '';
  child.stdout?.setEncoding('utf8').on('data', (text) => {
    output += text;
    process.stdout.write(text);
  });
  return new Promise((resolve) => {
    child.once('error', (error) => {
      console.error(`${program}: ${error.message}`);
      resolve({ status: 127, output });
    });
    child.once('close', (code, signal) => {
      resolve({ status: code ?? 128 + (signal === null ? 0 : constants.signals[signal]), output });
    });
  });
}

/**
 * The means to end a child's whole group. Only the first signal counts: npm and the terminal both send one for a single
 * Ctrl-C.
 *
 * @param {import('node:child_process').ChildProcess} child
 * @param {number} graceSeconds
 */
function leashOf(child, graceSeconds) {
  /** @type {NodeJS.Timeout | undefined} */
  let kill;
  /** @param {NodeJS.Signals} signal */
  const toGroup = (signal) => {
    try {
      if (child.pid !== undefined) process.kill(-child.pid, signal);
    } catch {
      // Gone already.
    }
  };
  child.once('exit', () => toGroup('SIGKILL'));
  return {
    /** @param {NodeJS.Signals} signal */
    end(signal) {
      if (kill !== undefined) return;
      toGroup(signal);
      kill = setTimeout(() => toGroup('SIGKILL'), graceSeconds * 1000);
    },
    ended: () => kill !== undefined,
    drop: () => clearTimeout(kill),
  };
}
