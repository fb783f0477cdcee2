import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { DaemonProcess, daemonCommand } from '../../simulation/daemon-process.js';
import { inTime, useNode } from './support/node-fixture.js';

interface Outcome {
  readonly code: number | null;
  readonly said: string;
}

/** Runs the program to its end in an environment that has nothing but this. */
async function run(env: Readonly<Record<string, string>>, ...args: string[]): Promise<Outcome> {
  const [node, ...daemon] = daemonCommand();
  const program = spawn(node, [...daemon, ...args], {
    env: { PATH: process.env['PATH'], ...env },
  });
  let said = '';
  for (const stream of [program.stdout, program.stderr]) stream.on('data', (text) => (said += String(text)));
  const [code] = (await once(program, 'close')) as [number | null];
  return { code, said };
}

describe('exit codes', function () {
  this.timeout(60_000);

  describe('without a node', () => {
    const agent = { SPIFFE_ENDPOINT_SOCKET: 'unix:///nobody/is/there.sock' };
    let folder: string;
    before(() => {
      folder = mkdtempSync(join(tmpdir(), 'exit-codes-'));
    });
    after(() => rmSync(folder, { recursive: true }));

    for (const [argument, text] of [
      ['--help', 'NSM_CONNECT_TO'],
      ['--version', 'forwarder-sriov'],
    ] as const) {
      it(`0: ${argument}`, async () => {
        const { code, said } = await run({}, argument);
        expect(said).to.include(text);
        expect(code).to.equal(0);
      });
    }

    for (const [what, env, args, text] of [
      ['an argument that there is not', {}, ['--start'], '"--start"'],
      ['a setting that is missing', {}, [], 'SPIFFE_ENDPOINT_SOCKET'],
      ['a setting that is wrong', { ...agent, NSM_DIAL_TIMEOUT: 'soon' }, [], '"soon"'],
      ['no configuration file', { ...agent, NSM_SRIOV_CONFIG_FILE: '/none.config' }, [], '/none.config'],
    ] as const) {
      it(`2: ${what}, named`, async () => {
        const { code, said } = await run(env, ...args);
        expect(said).to.include(text);
        expect(code).to.equal(2);
      });
    }

    it('2: a configuration file that cannot be used, named with its mistake', async () => {
      const file = join(folder, 'pci.config');
      writeFileSync(file, 'physicalFunctions: {"01:00": {}}');
      const { code, said } = await run({ ...agent, NSM_SRIOV_CONFIG_FILE: file });
      expect(said).to.include(file).and.to.include('01:00');
      expect(code).to.equal(2);
    });

    it('1: --last-start where nothing has started yet', async () => {
      const { code, said } = await run({ ...agent, NSM_STATE_DIR: folder }, '--last-start');
      expect(said).to.include(`no report of a start in ${folder}`);
      expect(code).to.equal(1);
    });
  });

  describe('on a node', () => {
    const fixture = useNode();
    const running = () => fixture.node.daemon;

    for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP', 'SIGQUIT'] as const) {
      it(`0: after ${signal}, which it names, with a connection that stays`, async () => {
        using client = await fixture.client();
        if (!running().running) await fixture.node.startDaemon(inTime());
        await client.request({ token: fixture.token() });
        expect(await running().stop(signal)).to.deep.equal({ code: 0, signal: null });
        expect(running().lines.join('\n')).to.include(`received ${signal}`);
        await fixture.node.startDaemon(inTime());
        await client.close();
      });
    }

    it('0: after a signal while it still starts: here it waits for the daemon before it', async () => {
      const first = running();
      const second = fixture.node.launchDaemon();
      await second.logged('is locked by', inTime());
      expect(await second.stop()).to.deep.equal({ code: 0, signal: null });
      expect(first.running).to.equal(true);
      await first.stop();
    });

    it('137 by the kernel after SIGKILL, which nobody can answer', async () => {
      await fixture.node.startDaemon(inTime());
      expect(await running().stop('SIGKILL')).to.deep.equal({ code: null, signal: 'SIGKILL' });
    });
  });

  describe('of a start that cannot succeed', () => {
    const fixture = useNode();

    /** The daemon's end in the environment of a node whose own has ended. */
    async function start(env: Readonly<Record<string, string>>): Promise<Outcome> {
      const { node } = fixture;
      const daemon = new DaemonProcess({ home: node.hardware.home, env: { ...node.environment, ...env } });
      const { code } = await daemon.ended;
      return { code, said: daemon.lines.join('\n') };
    }

    before(() => fixture.node.daemon.stop());

    it('1: somebody listens where it should', async () => {
      const path = join(fixture.node.folder, 'taken.sock');
      const other = createServer().listen(path);
      await once(other, 'listening');
      const { code, said } = await start({ NSM_LISTEN_ON: `unix://${path}` });
      other.close();
      expect(said).to.include('cannot start:').and.to.include('somebody listens there');
      expect(code).to.equal(1);
    });

    it('1: the configuration names a card that is not there', async () => {
      const file = join(fixture.node.folder, 'other.config');
      const pf = { pfKernelDriver: 'igb', vfKernelDriver: 'igbvf', capabilities: ['10G'], serviceDomains: ['d'] };
      writeFileSync(file, JSON.stringify({ physicalFunctions: { '0000:77:00.0': pf } }));
      const { code, said } = await start({ NSM_SRIOV_CONFIG_FILE: file });
      expect(said).to.include('cannot start:').and.to.include('0000:77:00.0');
      expect(code).to.equal(1);
    });

    it('1: its state folder cannot be made', async () => {
      const { code, said } = await start({ NSM_STATE_DIR: join(fixture.node.folder, 'pci.config', 'state') });
      expect(said).to.include('cannot lock the state folder');
      expect(code).to.equal(1);
    });

    it('2: a mask of policies selects nothing', async () => {
      const { code, said } = await start({ NSM_SERVER_POLICIES: 'etc/nsm/opa/nowhere/.*.rego' });
      expect(said).to.include('NSM_SERVER_POLICIES').and.to.include('selects no policy');
      expect(code).to.equal(2);
    });
  });
});
