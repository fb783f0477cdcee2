import { expect } from 'chai';
import fc from 'fast-check';
import { Cleanup } from '../../simulation/cleanup.js';
import { ComingAndGoing, type Happening } from '../contract/coming-and-going.js';
import { skipBecause } from '../skip-because.js';
import { DaemonOnNode } from './daemon-on-node.js';
import { nextKubelet, requireKubelet } from './support.js';

const vfs = 16;
const inTime = () => AbortSignal.timeout(30_000);

describe('the daemon with a real kubelet', function () {
  this.timeout(600_000);
  const cleanup = new Cleanup();
  let on: DaemonOnNode;

  before(async function () {
    requireKubelet(this);
    on = cleanup.use(await DaemonOnNode.start(vfs, { NSM_POD_GONE_GRACE: '1s' }));
  });

  after(async () => {
    await cleanup[Symbol.asyncDispose]();
  });

  const pods: string[] = [];
  let made = 0;
  /** No name is used twice: kubelet would wait until the last container of the former pod is gone. */
  async function addPod(): Promise<string> {
    const name = `running-${++made}`;
    pods.push(name);
    return on.addPod(name);
  }

  afterEach(async () => {
    for (const pod of pods.splice(0)) await on.harness.removePod(pod);
    await on.kubelet.until('all tokens are given back', async () => (await held()).length === 0);
  });

  const held = async () => [...(await on.harness.held(on.resource))].sort();

  /** Kubelet says it again; right after its start it may list nothing at all. */
  async function expectHeld(tokens: readonly string[]): Promise<void> {
    await on.kubelet.until('kubelet lists its pods', async () => (await held()).join() === [...tokens].sort().join());
    expect([...on.harness.checkpointed(on.resource)].sort()).to.deep.equal([...tokens].sort());
  }

  /** What the environment says is worth a VF. */
  async function expectServed(token: string): Promise<void> {
    using client = await on.node.client(`client-of-${token.slice(-12)}`);
    await client.request({ token });
    const { links } = await client.look(inTime());
    expect(links.map(({ name }) => name)).to.include('nsm-1');
    await client.close();
  }

  for (const ending of ['TERM', 'KILL'] as const) {
    it(`keeps the tokens of running pods through a restart of kubelet by ${ending}`, async () => {
      const tokens = [await addPod(), await addPod()];
      await on.kubelet.restart(ending);
      const since = Date.now();
      await on.counted(on.resource, vfs);
      console.log(`      all tokens healthy ${Date.now() - since} ms after kubelet came up`);
      await expectHeld(tokens);
      for (const token of tokens) await expectServed(token);
    });
  }

  for (const ending of ['SIGTERM', 'SIGKILL'] as const) {
    it(`keeps the tokens of running pods through a restart of the daemon by ${ending}`, async () => {
      const tokens = [await addPod(), await addPod()];
      on.ending = ending;
      await on.stop();
      const since = Date.now();
      await on.start();
      await on.counted(on.resource, vfs);
      console.log(`      all tokens healthy ${Date.now() - since} ms after the daemon was started`);
      await expectHeld(tokens);
      for (const token of tokens) await expectServed(token);
    });
  }

  it('lets pods come and go at random while kubelet and daemon restart: no token is lost, none is given twice', async () => {
    const wanted = nextKubelet === undefined ? 15 : 50;
    const node = new ComingAndGoing({ kubelet: on.harness, plugin: on, resource: on.resource, capacity: vfs });
    const seed = Date.now() % 2 ** 31;
    console.log(`      seed ${seed}`);
    const done = new Map<string, number>();
    for (const { happening, ending } of fc.sample(anyStep, { seed, numRuns: 40 * wanted })) {
      if (node.made === wanted) break;
      on.ending = ending;
      await node.happen(happening);
      done.set(happening.do, (done.get(happening.do) ?? 0) + 1);
    }
    await node.removeAll();
    console.log(`      ${node.made} pods; ${JSON.stringify(Object.fromEntries(done))}`);
  });

  it('keeps the tokens of running pods through an upgrade of kubelet', async function () {
    if (nextKubelet === undefined) skipBecause(this, 'the long form only: KUBELET=long npm run test:kubelet');
    const tokens = [await addPod(), await addPod()];
    await on.kubelet.restart('TERM', nextKubelet);
    await on.counted(on.resource, vfs);
    await expectHeld(tokens);
    for (const token of tokens) await expectServed(token);
    await expectServed(await addPod());
  });
});

const anyStep = fc.record({
  happening: fc.oneof(
    { weight: 10, arbitrary: fc.record({ do: fc.constant('add' as const), number: fc.nat() }) },
    { weight: 7, arbitrary: fc.record({ do: fc.constant('remove' as const), number: fc.nat() }) },
    {
      weight: 1,
      arbitrary: fc.record({ do: fc.constant('restart-kubelet' as const), ending: fc.constantFrom('TERM', 'KILL') }),
    },
    { weight: 1, arbitrary: fc.record({ do: fc.constant('restart-plugin' as const) }) },
  ) satisfies fc.Arbitrary<Happening>,
  ending: fc.constantFrom('SIGTERM', 'SIGKILL'),
});
