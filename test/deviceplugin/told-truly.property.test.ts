import { expect } from 'chai';
import fc from 'fast-check';
import type { Owner } from '../../src/resourcepool/claim.js';
import type { TokenId } from '../../src/resourcepool/token-id.js';
import { names, PluginUnderTest } from '../contract/plugin-under-test.js';
import { ModelKubelet } from './model-kubelet.js';

const vfs = 3;
const owner = 'connection' as Owner;

/** What may happen on a node; `pick` chooses among what there is then. */
type Happening =
  | { readonly do: 'add' | 'remove' | 'claim' | 'release' | 'quarantine' | 'recover'; readonly pick: number }
  | { readonly do: 'withhold' | 'offer-again' | 'restart-kubelet' };

const anyHappening: fc.Arbitrary<Happening> = fc.oneof(
  {
    weight: 8,
    arbitrary: fc.record({
      do: fc.constantFrom('add', 'remove', 'claim', 'release', 'quarantine', 'recover'),
      pick: fc.nat(),
    }),
  },
  { weight: 1, arbitrary: fc.record({ do: fc.constantFrom('withhold', 'offer-again', 'restart-kubelet') }) },
);

/** A node with a small kubelet, whose list is compared with what there is to be had. */
class Node implements AsyncDisposable {
  readonly #kubelet: ModelKubelet;
  readonly #plugin: PluginUnderTest;
  readonly #pods: string[] = [];
  #made = 0;

  private constructor(kubelet: ModelKubelet) {
    this.#kubelet = kubelet;
    this.#plugin = new PluginUnderTest(kubelet, vfs);
  }

  static async create(): Promise<Node> {
    const node = new Node(await ModelKubelet.create());
    await node.#plugin.start();
    await node.expectTold();
    return node;
  }

  async happen(it: Happening): Promise<void> {
    const { pool } = this.#plugin;
    const [pf] = pool.functions().map(({ physicalFunction }) => physicalFunction);
    if (it.do === 'restart-kubelet') await this.#kubelet.kubelet.restart('KILL');
    else if (pf !== undefined && it.do === 'withhold') pool.withhold(pf, 'no link');
    else if (pf !== undefined && it.do === 'offer-again') pool.offerAgain(pf);
    else if ('pick' in it) await this.#one(it.do, it.pick);
    await this.expectTold();
  }

  async #one(what: Extract<Happening, { pick: number }>['do'], pick: number): Promise<void> {
    const { pool } = this.#plugin;
    const functions = pool.functions();
    const vf = functions[pick % functions.length]?.address;
    const name = names[pick % names.length] ?? names[0];
    if (what === 'add') await this.#add(name);
    else if (what === 'remove') await this.#remove(pick);
    else if (what === 'claim') this.#claim(pick);
    else if (vf !== undefined && what === 'release') pool.release(vf, owner);
    else if (vf !== undefined && what === 'quarantine') pool.quarantine(vf, 'dirty');
    else if (vf !== undefined) pool.recover(vf);
  }

  /** Kubelet may refuse it: then nothing has changed. */
  async #add(name: string): Promise<void> {
    this.#made += 1;
    const pod = `pod-${this.#made}`;
    const added = await this.#kubelet.addPod(pod, { [name]: 1 }).then(
      () => true,
      () => false,
    );
    if (added) this.#pods.push(pod);
  }

  async #remove(pick: number): Promise<void> {
    const [pod] = this.#pods.splice(pick % Math.max(this.#pods.length, 1), 1);
    if (pod !== undefined) await this.#kubelet.removePod(pod);
  }

  #claim(pick: number): void {
    const { pool } = this.#plugin;
    const held = this.#tokens().filter(({ heldByPod, state }) => heldByPod && state !== 'in-use');
    const token = held[pick % Math.max(held.length, 1)];
    if (token?.healthy === true) pool.claim({ token: token.id as TokenId, owner, driver: 'kernel' });
  }

  /** What kubelet goes by, in the end, is what there is; and that obeys the rules. */
  async expectTold(): Promise<void> {
    for (const name of names) {
      const told = () => this.#kubelet.kubelet.resource(name)?.devices ?? [];
      await this.#kubelet.until(`kubelet has the list of ${name}`, () => text(told()) === this.#truth(name));
    }
    this.#expectRules();
  }

  #truth(name: string): string {
    const tokens = this.#plugin.pool.tokens(name);
    return text(tokens.map(({ id, healthy }) => ({ ID: id, health: healthy ? 'Healthy' : 'Unhealthy' })));
  }

  #expectRules(): void {
    const functions = this.#plugin.pool.functions();
    const grantable = functions.filter(({ use }) => use.kind === 'free').length;
    for (const name of names) {
      const tokens = this.#plugin.pool.tokens(name);
      const idle = tokens.filter(({ state }) => state !== 'in-use');
      const healthy = idle.filter((token) => token.healthy);
      expect(healthy, 'healthy tokens that are not in use').to.have.length(grantable);
      const spared = healthy.some(({ heldByPod }) => !heldByPod);
      const hit = idle.some(({ heldByPod, state }) => heldByPod && state === 'closed');
      expect(spared && hit, 'a pod’s token is unhealthy and a free one is not').to.equal(false);
      expect(tokens.filter((token) => token.state === 'in-use').every((token) => token.healthy)).to.equal(true);
    }
  }

  #tokens() {
    return names.flatMap((name) => this.#plugin.pool.tokens(name));
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#plugin[Symbol.asyncDispose]();
    await this.#kubelet[Symbol.asyncDispose]();
  }
}

function text(devices: readonly { readonly ID: string; readonly health: string }[]): string {
  return devices.map(({ ID, health }) => `${ID} ${health}`).join('\n');
}

describe('what kubelet is told of tokens', function () {
  this.timeout(120_000);

  it('invariant 14: after whatever happened healthy tokens not in use are as many as VFs to be had, for each name', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(anyHappening, { minLength: 8, maxLength: 24 }), async (happenings) => {
        await using node = await Node.create();
        for (const happening of happenings) await node.happen(happening);
      }),
      { numRuns: 12, endOnFailure: true },
    );
  });
});
