import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync } from 'node:fs';
import { setImmediate } from 'node:timers/promises';
import { expect } from 'chai';

interface Lane {
  readonly name: string;
  readonly command: readonly string[];
  readonly minutes: number;
  readonly single?: boolean;
}

/** The tools are plain JavaScript that runs before anything is installed, so they are tried as they are used. */
function start(lanes: readonly Lane[]): ChildProcess {
  const program = `
    import { Interrupted } from './tools/child.mjs';
    import { runLanes } from './tools/run-lanes.mjs';
    import { formatTotals } from './tools/totals.mjs';
    try {
      console.log('SUM ' + formatTotals(await runLanes(${JSON.stringify(lanes)})));
    } catch (error) {
      if (!(error instanceof Interrupted)) throw error;
      process.exitCode = error.status;
    }`;
  return spawn(process.execPath, ['--input-type=module', '-e', program], {
    cwd: new URL('../..', import.meta.url),
    stdio: ['ignore', 'pipe', 'pipe'],
  });
}

async function outputOf(child: ChildProcess): Promise<string> {
  let output = '';
  child.stdout?.on('data', (text: Buffer) => {
    output += text.toString();
  });
  await once(child, 'close');
  return output;
}

async function sumOf(...lanes: Partial<Lane>[]): Promise<string> {
  const complete = lanes.map((lane, at) => ({ name: `lane ${at}`, command: [], minutes: 1, ...lane }));
  return /^SUM (.*)$/m.exec(await outputOf(start(complete)))?.[1] ?? 'no sum';
}

/** Prints its process group and `ready`, and lives on together with a child that ignores Ctrl-C. */
const family = {
  command: [
    process.execPath,
    '-e',
    `require('node:child_process').spawn('sh', ['-c', 'trap "" INT; exec sleep 1000'], { stdio: 'inherit' });
     console.log(process.pid + '\\nready');`,
  ],
};

const shell = (script: string) => ({ command: ['sh', '-c', script] });

/** True for a process of the group that still runs; one that has ended but was not waited for does not. */
function runsInGroup(process: string, group: number): boolean {
  try {
    const stat = readFileSync(`/proc/${process}/stat`, 'utf8');
    const [state, , processGroup] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    return Number(processGroup) === group && state !== 'Z';
  } catch {
    return false;
  }
}

async function groupIsGone(group: number): Promise<void> {
  const isThere = () => readdirSync('/proc').some((name) => /^\d+$/.test(name) && runsInGroup(name, group));
  while (isThere()) await setImmediate();
}

describe('lanes of tests', () => {
  it('are summed, each by its last line of totals', async () => {
    const first = shell('echo "1 passed, 9 failed, 0 skipped"; echo "2 passed, 0 failed, 3 skipped"; echo done');
    expect(await sumOf(first, shell('echo "5 passed, 0 failed"'))).to.equal('7 passed, 0 failed, 3 skipped');
  });

  it('take no words around totals for totals', async () => {
    expect(await sumOf(shell('echo "all 2 passed, 0 failed, 3 skipped"'))).to.equal('0 passed, 1 failed, 0 skipped');
  });

  it('fail when the command ends badly though no test failed', async () => {
    expect(await sumOf(shell('echo "2 passed, 0 failed, 0 skipped"; exit 3'))).to.equal(
      '2 passed, 1 failed, 0 skipped',
    );
  });

  it('fail when the command says nothing, dies or does not exist', async () => {
    const sum = await sumOf(shell('true'), shell('kill -9 $$'), { command: ['/no/such/program'] });
    expect(sum).to.equal('0 passed, 3 failed, 0 skipped');
  });

  it('count as one test by exit status when they are a single check', async () => {
    const sum = await sumOf({ ...shell('exit 0'), single: true }, { ...shell('exit 1'), single: true });
    expect(sum).to.equal('1 passed, 1 failed, 0 skipped');
  });

  it('name the tests that failed once more at the end', async () => {
    const lane = shell('echo "  failed: a VF: is lost"; echo "0 passed, 1 failed, 0 skipped"; exit 1');
    const output = await outputOf(start([{ name: 'unlucky', minutes: 1, ...lane }]));
    const end = output.slice(output.indexOf('=== all lanes'));
    expect(end).to.match(/: unlucky \(.* s\)\n {2}failed: a VF: is lost\n/);
  });

  it('are ended, with all that they started, when their time is up', async () => {
    const output = await outputOf(start([{ name: 'slow', ...family, minutes: 0.01 }]));
    expect(output).to.include('SUM 0 passed, 1 failed, 0 skipped').and.to.include('over its time');
    await groupIsGone(Number(/^(\d+)$/m.exec(output)?.[1]));
  });

  it('are ended when the run is told to end, and none after them starts', async () => {
    const lanes = [family, shell('echo not me')];
    const child = start(lanes.map((lane, at) => ({ name: `lane ${at}`, minutes: 1, ...lane })));
    child.stdout?.on('data', (text: Buffer) => {
      if (/^ready$/m.test(text.toString())) child.kill('SIGINT');
    });
    const output = await outputOf(child);
    expect(child.exitCode).to.equal(130);
    expect(output).not.to.include('not me');
    await groupIsGone(Number(/^(\d+)$/m.exec(output)?.[1]));
  });
});
