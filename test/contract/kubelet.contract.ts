import { expect } from 'chai';
import { Cleanup } from '../../simulation/cleanup.js';
import { RivalPlugin } from '../deviceplugin/rival-plugin.js';
import type { KubeletHarness } from './kubelet-harness.js';
import { names, PluginUnderTest } from './plugin-under-test.js';

const [slow, fast] = names;
const vfs = 4;
const environmentName = `NSM_SRIOV_TOKENS_${slow}`;

/** What the device plugin promises and expects of every kubelet. */
export function kubeletContract(title: string, make: () => Promise<KubeletHarness>): void {
  describe(`the device plugin with ${title}`, function () {
    this.timeout(120_000);
    const cleanup = new Cleanup();
    let kubelet: KubeletHarness;
    let plugin: PluginUnderTest;

    before(async () => {
      kubelet = cleanup.use(await make());
      plugin = cleanup.use(new PluginUnderTest(kubelet, vfs));
      await plugin.start();
      await plugin.counted(slow, vfs);
    });

    after(async () => {
      await cleanup[Symbol.asyncDispose]();
    });

    afterEach(async () => {
      for (const pod of pods.splice(0)) await kubelet.removePod(pod);
      await kubelet.until('all tokens are given back', () => plugin.held(slow).size === 0);
      await plugin.counted(slow, vfs);
    });

    const pods: string[] = [];
    let made = 0;
    /** No name is used twice: kubelet would wait until the last container of the former pod is gone. */
    async function add(kind: string, requests: Readonly<Record<string, number>> = { [slow]: 1 }): Promise<string[]> {
      const pod = `${kind}-${++made}`;
      pods.push(pod);
      const { [environmentName]: tokens = '' } = await kubelet.addPod(pod, requests);
      return tokens.split(',');
    }

    const ownerOf = (token = '') => plugin.ownerOf(token) ?? 'nobody';

    it('gives containers their tokens in the environment, and knows who has which', async () => {
      const [one, two] = [await add('one'), await add('two', { [slow]: 2 })];
      expect(one).to.have.length(1);
      expect(two).to.have.length(2);
      expect(plugin.held(slow)).to.deep.equal(new Set([...one, ...two]));
      expect(await kubelet.held(slow)).to.deep.equal(new Set([...one, ...two]));
      await kubelet.until('the owner is known', () => ownerOf(one[0]).startsWith('one'));
    });

    it('R3: frees the tokens of a pod that is gone', async () => {
      await add('stays');
      await add('goes');
      await kubelet.removePod(pods.pop() ?? '');
      await kubelet.until('the token is free', () => plugin.held(slow).size === 1);
      await kubelet.until('the owner is forgotten', () => plugin.plugin.owners.size === 1);
    });

    it('offers no more than there is: kubelet refuses the pod that asks for too much, in its words', async () => {
      await add('three', { [slow]: 3 });
      const refused = await add('two-more', { [slow]: 2 }).catch((thrown: unknown) => thrown);
      expect((refused as Error).message).to.match(
        /requested number of devices unavailable for .*Requested: 2, Available: 1/,
      );
    });

    it('shows a VF in use in the list of the other name, and that it came back', async () => {
      const [token = ''] = await add('user');
      const owner = 'connection' as never;
      const claim = plugin.pool.claim({ token: token as never, owner, driver: 'kernel' });
      await plugin.counted(fast, vfs - 1);
      expect((await plugin.allocatable(slow)).size).to.equal(vfs);
      plugin.pool.release(claim.function, owner);
      await plugin.counted(fast, vfs);
    });

    it('has kubelet refuse pods when nothing is healthy, in its words', async () => {
      const all = plugin.pool.functions().map(({ address }) => address);
      for (const vf of all) plugin.pool.quarantine(vf, 'lost');
      await plugin.counted(slow, 0);
      const refused = await add('too-early').catch((thrown: unknown) => thrown);
      expect((refused as Error).message).to.contain(
        `no healthy devices present; cannot allocate unhealthy devices ${slow}`,
      );
      for (const vf of all) plugin.pool.recover(vf);
    });

    for (const ending of ['TERM', 'KILL'] as const) {
      it(`keeps ids and owners through a restart of kubelet by ${ending}`, async () => {
        const [token = ''] = await add('running');
        await kubelet.until('the owner is known', () => ownerOf(token).startsWith('running'));
        await kubelet.stop(ending);
        await kubelet.start();
        await plugin.counted(slow, vfs);
        expect(plugin.held(slow)).to.deep.equal(new Set([token]));
        // One that has just started lists nothing for a moment, though its pods run.
        await kubelet.until('kubelet lists the pod', async () => [...(await kubelet.held(slow))].join() === token);
        await kubelet.until('the owner is known', () => ownerOf(token).startsWith('running'));
        expect(plugin.held(slow)).to.deep.equal(new Set([token]));
      });
    }

    it('keeps ids and owners through a restart of the plugin', async () => {
      const [token = ''] = await add('running');
      await plugin.stop();
      await plugin.start();
      expect(plugin.held(slow)).to.deep.equal(new Set([token]));
      expect(ownerOf(token)).to.match(/^running/);
      await plugin.counted(slow, vfs);
    });

    it('frees the token of a pod that went while the plugin was away', async () => {
      await add('gone');
      await plugin.stop();
      await kubelet.removePod(pods.pop() ?? '');
      await plugin.start();
      await plugin.counted(slow, vfs);
      expect(plugin.held(slow)).to.deep.equal(new Set());
    });

    it('notices another plugin of the same resource, and is back when it goes', async () => {
      {
        await using rival = new RivalPlugin(kubelet.devicePluginPath, ['vf-a', 'vf-b']);
        await rival.register(slow);
        await kubelet.until('it is noticed', () => plugin.plugin.states().get(slow)?.kind === 'displaced');
        expect([...(await plugin.allocatable(slow))].sort()).to.deep.equal(['vf-a', 'vf-b']);
        expect((await plugin.allocatable(fast)).size).to.equal(vfs);
      }
      await plugin.counted(slow, vfs);
      expect(await add('after')).to.have.length(1);
    });
  });
}
