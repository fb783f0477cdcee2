import { existsSync } from 'node:fs';
import { chmod, readdir, rename, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { ModelOffer } from './model-offer.js';
import { MuteSocket } from './mute-socket.js';
import { PluginRig } from './plugin-rig.js';

const NAME = 'service.domain.1/10G';

describe('a plugin registering with kubelet', () => {
  let rig: PluginRig;

  beforeEach(async () => {
    rig = await PluginRig.create();
  });

  afterEach(async () => {
    await rig[Symbol.asyncDispose]();
  });

  async function started(): Promise<void> {
    await rig.kubelet.start();
    await rig.startPlugin(new ModelOffer({ [NAME]: 3 }));
    await rig.allocatable(NAME, 3);
  }

  it('serves before it registers: kubelet calls it back inside Register', async () => {
    await started();
    expect(rig.kubelet.registrations).to.have.length(1);
    expect(rig.plugin.states().get(NAME)?.kind).to.equal('registered');
  });

  it('tells kubelet its version, its resource name and the file name of its socket', async () => {
    await started();
    const [request] = rig.kubelet.registrations;
    expect(request).to.include({ version: 'v1beta1', resourceName: NAME });
    expect(request?.endpoint).to.match(/^nsm-[A-Za-z0-9._-]+\.sock$/);
    expect(await readdir(rig.devicePluginPath)).to.include(request?.endpoint);
  });

  for (const ending of ['TERM', 'KILL'] as const) {
    it(`registers on a fresh socket after kubelet was restarted by ${ending}`, async () => {
      await started();
      await rig.kubelet.restart(ending);
      await rig.allocatable(NAME, 3);
      expect(rig.kubelet.registrations).to.have.length(2);
      expect(rig.kubelet.streams).to.equal(1);
    });

    it(`waits for a kubelet that stays away after ${ending}`, async () => {
      await started();
      await rig.kubelet.stop(ending);
      await rig.until(() => rig.plugin.states().get(NAME)?.kind !== 'registered');
      await rig.clock.sleep(20_000);
      await rig.kubelet.start();
      await rig.allocatable(NAME, 3);
    });
  }

  it('survives many restarts of kubelet', async () => {
    await started();
    for (let n = 0; n < 8; n++) {
      await rig.kubelet.restart(n % 2 === 0 ? 'TERM' : 'KILL');
      await rig.allocatable(NAME, 3);
    }
    expect(rig.kubelet.streams).to.equal(1);
  });

  it('keeps its stream and does not register when only the folder is wiped', async () => {
    await started();
    for (const name of await readdir(rig.devicePluginPath)) await rm(join(rig.devicePluginPath, name));
    await rig.clock.sleep(12_000);
    expect(rig.kubelet.registrations).to.have.length(1);
    expect(rig.kubelet.resource(NAME)?.allocatable).to.equal(3);
  });

  it('does not take a chmod, a foreign file or a rename there and back for a restart', async () => {
    await started();
    const socket = join(rig.devicePluginPath, 'kubelet.sock');
    await chmod(socket, 0o700);
    await writeFile(join(rig.devicePluginPath, 'DEPRECATION'), 'text');
    await rename(socket, `${socket}.away`);
    await rename(`${socket}.away`, socket);
    await rig.clock.sleep(12_000);
    expect(rig.kubelet.registrations).to.have.length(1);
    expect(rig.kubelet.streams).to.equal(1);
  });

  it('leaves a kubelet whose socket is replaced by rename, although its stream is still open', async () => {
    await started();
    const socket = join(rig.devicePluginPath, 'kubelet.sock');
    await using _next = await MuteSocket.listen(`${socket}.next`);
    await rename(`${socket}.next`, socket);
    await rig.until(() => rig.kubelet.streams === 0);
    expect(rig.log.lines.join('\n')).to.contain('kubelet has been restarted');
  });

  it('registers again when kubelet ends the stream and lives on', async () => {
    await started();
    rig.kubelet.disconnect(NAME);
    await rig.until(() => rig.kubelet.registrations.length === 2);
    await rig.allocatable(NAME, 3);
  });

  it('closes the old stream before it registers again, so that kubelet does not throw out the new one', async () => {
    await started();
    await rm(rig.socketOf(NAME));
    await rig.until(() => rig.kubelet.registrations.length === 2);
    await rig.allocatable(NAME, 3);
    await rig.clock.sleep(12_000);
    expect(rig.kubelet.registrations).to.have.length(2);
    expect(rig.kubelet.resource(NAME)?.allocatable).to.equal(3);
    expect(rig.kubelet.streams).to.equal(1);
  });

  it('comes back when the whole folder is replaced', async () => {
    await started();
    await rig.kubelet.stop();
    await rm(rig.devicePluginPath, { recursive: true });
    await rig.clock.sleep(10_000);
    await rig.kubelet.start();
    await rig.allocatable(NAME, 3);
    await rig.kubelet.restart();
    await rig.allocatable(NAME, 3);
  });

  it('keeps trying while kubelet refuses, and knows why it does not get on', async () => {
    await rig.kubelet.start();
    rig.kubelet.faults.registerError = 'not today';
    await rig.startPlugin(new ModelOffer({ [NAME]: 1 }));
    await rig.until(() => rig.kubelet.registrations.length === 3);
    const state = rig.plugin.states().get(NAME);
    expect(state?.kind === 'starting' && state.failure?.message).to.contain('not today');
    rig.kubelet.faults.registerError = undefined;
    await rig.allocatable(NAME, 1);
  });

  it('gives up on a kubelet that accepts Register and says nothing, and tries again', async () => {
    await rig.kubelet.start();
    rig.kubelet.faults.registerHangs = true;
    await rig.startPlugin(new ModelOffer({ [NAME]: 1 }));
    await rig.until(() => rig.log.lines.some((line) => line.includes(`registering ${NAME} with kubelet took longer`)));
    rig.kubelet.faults.registerHangs = false;
    await rig.allocatable(NAME, 1);
  });

  it('is not disturbed by another resource that kubelet refuses for ever', async () => {
    await rig.kubelet.start();
    await rig.startPlugin(new ModelOffer({ 'Not.A.Domain/10G': 1, [NAME]: 2 }));
    await rig.allocatable(NAME, 2);
    await rig.until(() => rig.log.lines.some((line) => line.includes('invalid resource name Not.A.Domain/10G')));
    expect(rig.plugin.states().get(NAME)?.kind).to.equal('registered');
  });

  it('starts and waits when kubelet is not there, and says so', async () => {
    await rig.startPlugin(new ModelOffer({ [NAME]: 1 }));
    expect(rig.log.lines.join('\n')).to.contain('kubelet has not said which tokens are in use');
    await rig.kubelet.start();
    await rig.allocatable(NAME, 1);
  });

  it('removes the socket that a killed run left behind', async () => {
    await rig.kubelet.start();
    const dead = await MuteSocket.listen(`${rig.socketOf(NAME)}.dead`);
    await rename(`${rig.socketOf(NAME)}.dead`, rig.socketOf(NAME));
    await dead[Symbol.asyncDispose]();
    expect(existsSync(rig.socketOf(NAME))).to.equal(true);
    await rig.startPlugin(new ModelOffer({ [NAME]: 1 }));
    await rig.allocatable(NAME, 1);
  });

  it('does not take the socket of another process that still serves there, and follows when that goes', async () => {
    await rig.kubelet.start();
    {
      await using _other = await MuteSocket.listen(rig.socketOf(NAME));
      await rig.startPlugin(new ModelOffer({ [NAME]: 1 }));
      await rig.until(() => rig.log.lines.some((line) => line.includes('another process listens on')));
    }
    await rig.allocatable(NAME, 1);
  });

  it('refuses to start where no socket name fits, naming the path and the limit', async () => {
    const deep = await PluginRig.create();
    Object.defineProperty(deep, 'devicePluginPath', { value: join(deep.path, 'x'.repeat(90)) });
    const failure = await deep.startPlugin(new ModelOffer({ [NAME]: 1 })).catch((thrown: unknown) => thrown);
    await deep[Symbol.asyncDispose]();
    expect(failure).to.include({ kind: 'invalid' });
    expect((failure as Error).message).to.match(/x{90}.* has \d+ bytes: a unix socket's path has at most 107/);
  });

  it('ends its stream, removes its socket and stays silent after it was stopped', async () => {
    await started();
    await rig.stopPlugin();
    const sockets = (await readdir(rig.devicePluginPath)).filter((name) => name.endsWith('.sock'));
    expect(sockets).to.deep.equal(['kubelet.sock']);
    await rig.until(() => rig.kubelet.streams === 0);
    await rig.kubelet.restart();
    await rig.clock.sleep(12_000);
    expect(rig.kubelet.registrations).to.have.length(1);
  });

  it('stops at once while it waits for kubelet', async () => {
    await rig.startPlugin(new ModelOffer({ [NAME]: 1 }));
    await rig.stopPlugin();
    expect(rig.log.lines.join('\n')).to.not.contain('error ');
  });

  it('serves names that come later and retires names that go', async () => {
    await rig.kubelet.start();
    const offer = new ModelOffer({ [NAME]: 1 });
    await rig.startPlugin(offer);
    await rig.allocatable(NAME, 1);
    offer.offer('service.domain.2/20G', 2);
    await rig.allocatable('service.domain.2/20G', 2);
    offer.withdraw(NAME);
    await rig.allocatable(NAME, 0);
    expect([...rig.plugin.states().keys()]).to.deep.equal(['service.domain.2/20G']);
    expect(existsSync(rig.socketOf(NAME))).to.equal(false);
  });
});
