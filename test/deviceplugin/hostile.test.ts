import { writeFile } from 'node:fs/promises';
import { connect, createServer, type Socket } from 'node:net';
import { join } from 'node:path';
import { expect } from 'chai';
import { PluginEndpoint } from '../../simulation/kubelet/plugin-endpoint.js';
import { ModelOffer } from './model-offer.js';
import { MuteSocket } from './mute-socket.js';
import { PluginRig } from './plugin-rig.js';
import { SlowReader } from './slow-reader.js';

const NAME = 'service.domain.1/10G';
const OTHER = 'service.domain.1/20G';
const pod = (name: string, requests: Readonly<Record<string, number>>, container = 'c') => ({
  namespace: 'ns',
  name,
  container,
  requests,
});
const mebibyte = 1024 * 1024;

/** What kubelet's socket may say to a plugin that does it no harm: none of it may reach another resource. */
describe('a hostile kubelet', function () {
  this.timeout(20_000);
  let rig: PluginRig;
  let offer: ModelOffer;
  let endpoint: PluginEndpoint;

  beforeEach(async () => {
    rig = await PluginRig.create();
    offer = new ModelOffer({ [NAME]: 64, [OTHER]: 2 });
    endpoint = new PluginEndpoint(rig.socketOf(NAME));
  });

  afterEach(async () => {
    endpoint.close();
    await rig[Symbol.asyncDispose]();
  });

  async function started(): Promise<void> {
    await rig.kubelet.start();
    const plugin = await rig.restorePlugin(offer, { preferredAllocation: 'pack', pollInterval: 500 });
    plugin.serve();
    await rig.allocatable(NAME, 64);
    await rig.allocatable(OTHER, 2);
  }

  async function refusal(ids: string[]): Promise<string> {
    return endpoint.allocate(ids).then(
      () => 'allocated',
      (thrown: unknown) => (thrown as Error).message,
    );
  }

  /** The other resource serves as if nothing were the matter. */
  async function expectOtherServed(): Promise<void> {
    const environment = await rig.kubelet.addPod(pod('of-the-other', { [OTHER]: 1 }));
    expect(environment).to.have.property(`NSM_SRIOV_TOKENS_${OTHER}`);
    rig.kubelet.removePod('ns', 'of-the-other');
  }

  const logged = () => rig.log.lines.join('\n');

  describe('that calls us', () => {
    beforeEach(started);

    it('is refused a request larger than 4 MiB, and nothing has changed', async () => {
      const ids = Array.from({ length: 5 }, (_, n) => `${n}`.repeat(mebibyte));
      expect(await refusal(ids)).to.match(/RESOURCE_EXHAUSTED/);
      expect(offer.held()).to.deep.equal([]);
      await expectOtherServed();
    });

    it('is refused unknown ids, a hundred thousand of them or one of 3 MiB, in a line of log that stays short', async () => {
      for (const ids of [Array.from({ length: 100_000 }, (_, n) => `unknown-${n}`), ['x'.repeat(3 * mebibyte)]]) {
        expect(await refusal(ids))
          .to.match(new RegExp(`${NAME} has no token`))
          .and.have.length.below(300);
      }
      expect(logged()).to.contain('refused a call of kubelet').and.have.length.below(10_000);
      expect(offer.held()).to.deep.equal([]);
      await expectOtherServed();
    });

    it('is refused an id twice, and nothing has changed', async () => {
      const ids = Array.from({ length: 50_000 }, () => `${NAME}#1`);
      expect(await refusal(ids)).to.contain(`the token ${NAME}#1 is asked for twice`);
      expect(offer.held()).to.deep.equal([]);
    });

    it('gets preferences among our tokens, however many ids it names and asks for', async () => {
      const strange = Array.from({ length: 60_000 }, (_, n) => `unknown-${n}`);
      const own = [`${NAME}#7`, `${NAME}#9`];
      const request = {
        availableDeviceIDs: [...strange, ...own],
        mustIncludeDeviceIDs: [...strange, `${NAME}#9`],
        allocationSize: 2 ** 31 - 1,
      };
      const { containerResponses } = await endpoint.preferred({ containerRequests: [request] });
      expect(containerResponses.map(({ deviceIDs }) => deviceIDs)).to.deep.equal([[`${NAME}#9`, `${NAME}#7`]]);
      await expectOtherServed();
    });

    it('that opens a stream and never reads it keeps a few lists waiting, and in the end gets the truth', async () => {
      const [wide, tokens, changes] = ['service.domain.1/wide', 1_000, 100];
      offer.offer(wide, tokens);
      await rig.allocatable(wide, tokens);
      const reader = new SlowReader(rig.socketOf(wide));
      try {
        const count = () => rig.kubelet.resource(wide)?.allocatable;
        for (let n = 1; n <= changes; n++) {
          offer.setClosed(`${wide}#${n}`, true);
          await rig.until(() => count() === tokens - n);
        }
        await expectOtherServed();
        reader.resume();
        await rig.until(() => unhealthy(reader.last) === changes);
        // What fits into the stream's window and our end of it; the next one is made when it can be sent.
        expect(reader.lists).to.be.below(changes / 2);
      } finally {
        reader.close();
      }
    });

    it('that opens many connections and says nothing on them keeps nobody from us', async () => {
      const sockets = await Promise.all(Array.from({ length: 100 }, () => connected(rig.socketOf(NAME))));
      try {
        await endpoint.allocate([`${NAME}#1`]);
        await expectOtherServed();
      } finally {
        for (const socket of sockets) socket.destroy();
      }
    });
  });

  describe('that is asked which pods hold tokens', () => {
    beforeEach(started);

    it('and answers with more than 16 MiB: the last good answer stays, and that is said', async () => {
      await rig.kubelet.addPod(pod('p', { [NAME]: 1 }));
      await rig.until(() => rig.plugin.owners.size === 1);
      await rig.kubelet.addPod(pod('large', { 'other/x': 1 }, 'c'.repeat(17 * mebibyte)));
      await rig.until(() => logged().includes('the last good answer stays'));
      await rig.polls(3);
      expect([offer.held(), rig.plugin.owners.size]).to.deep.equal([[`${NAME}#0`], 1]);
      expect(rig.kubelet.streams).to.equal(2);
      rig.kubelet.removePod('ns', 'large');
      await rig.until(() => logged().includes('kubelet says again which pods hold tokens'));
    });

    it('and names ten thousand tokens that are none of ours: they are counted, and a few of them named, once', async () => {
      const ids = Array.from({ length: 10_000 }, (_, n) => `sriov-${n}`);
      rig.kubelet.faults.strangers = { resource: NAME, ids };
      await rig.until(() => logged().includes('cannot be taken over'));
      await rig.polls(3);
      const lines = rig.log.lines.filter((line) => line.includes('cannot be taken over'));
      expect(lines).to.have.length(1);
      expect(lines[0])
        .to.contain(`"surplusCount":${ids.length - 64}`)
        .and.have.length.below(5_000);
      await expectOtherServed();
    });
  });

  describe('whose socket', () => {
    const kinds: readonly (readonly [string, (path: string) => Promise<AsyncDisposable>, RegExp])[] = [
      ['accepts and says nothing', (path) => MuteSocket.listen(path), /took longer than 15000 ms/],
      ['answers with what is no HTTP/2', (path) => babble(path), /cannot register with kubelet yet/],
    ];
    for (const [title, open, said] of kinds) {
      it(`${title} is tried again until kubelet is there`, async () => {
        await rig.kubelet.start();
        await rig.kubelet.stop();
        {
          await using _socket = await open(join(rig.devicePluginPath, 'kubelet.sock'));
          const plugin = await rig.restorePlugin(offer);
          plugin.serve();
          await rig.until(() => said.test(logged()));
          expect([...rig.plugin.states().values()].map(({ kind }) => kind)).to.deep.equal(['starting', 'starting']);
        }
        await rig.kubelet.start();
        await rig.allocatable(NAME, 64);
        await rig.allocatable(OTHER, 2);
      });
    }
  });

  it('that leaves a checkpoint of nonsense is not believed, and it costs no token', async () => {
    await started();
    await rig.kubelet.addPod(pod('p', { [NAME]: 1 }));
    await rig.until(() => rig.plugin.owners.size === 1);
    for (const text of ['', '{', '[]', `{"Data":{"PodDeviceEntries":[${'{},'.repeat(10_000)}{}]}}`]) {
      await writeFile(join(rig.devicePluginPath, 'kubelet_internal_checkpoint'), text);
      await rig.polls(2);
      expect(offer.held()).to.deep.equal([`${NAME}#0`]);
    }
  });
});

function unhealthy(devices: readonly { readonly health: string }[]): number {
  return devices.filter(({ health }) => health !== 'Healthy').length;
}

function connected(path: string): Promise<Socket> {
  return new Promise((resolve, reject) => {
    const socket = connect(path);
    socket.once('connect', () => resolve(socket));
    socket.once('error', reject);
  });
}

/** A process that answers whatever it hears with a kibibyte of its own. */
async function babble(path: string): Promise<AsyncDisposable> {
  const open = new Set<Socket>();
  const server = createServer((socket) => {
    open.add(socket);
    socket.on('data', () => socket.write('who goes there? '.repeat(64)));
    socket.on('error', () => undefined);
  });
  await new Promise<void>((resolve) => server.listen(path, resolve));
  return {
    [Symbol.asyncDispose]: async () => {
      for (const socket of open) socket.destroy();
      await new Promise((resolve) => server.close(resolve));
    },
  };
}
