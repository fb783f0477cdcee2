import { expect } from 'chai';
import { whyUnusable } from '../../../simulation/cgroups/usable-cgroups.js';
import type { SimulatedClient } from '../../../simulation/client.js';
import { SimulatedNode } from '../../../simulation/node.js';
import type { NodeOptions } from '../../../simulation/node-options.js';
import { isInstalled } from '../../../simulation/ping.js';
import { findTraces } from '../../../simulation/traces.js';
import { skipBecause } from '../../skip-because.js';

/** A node with the daemon on it that all tests of a suite share, and tokens of pods on it. */
export class NodeFixture {
  #node: SimulatedNode | undefined;
  #clients = 0;
  /** Tokens of four pods, each of which has one of each name of the first PF. */
  tokens: readonly { readonly tenG: string; readonly intel: string }[] = [];

  get node(): SimulatedNode {
    if (this.#node === undefined) throw new Error('the node is not there');
    return this.#node;
  }

  /**
   * A client nobody had before, in an empty namespace. All have one identity, as the replicas of one workload do where
   * SPIFFE ids are given to service accounts: so tests can use a pod's token one after another.
   */
  async client(identity = 'workload'): Promise<SimulatedClient> {
    this.#clients += 1;
    return this.node.client(`client-${this.#clients}`, identity);
  }

  /** The 10G token of a pod. */
  token(pod = 0): string {
    return this.tokens[pod]?.tenG ?? '';
  }

  async start(options: NodeOptions): Promise<void> {
    const node = await SimulatedNode.create(options, inTime());
    this.#node = node;
    await node.startDaemon(inTime());
    const names = [`${domain}/10G`, `${domain}/intel`];
    for (let pod = 0; pod < 4; pod += 1) {
      const [tenG = '', intel = ''] = await node.admitPod(`pod-${pod}`, names);
      this.tokens = [...this.tokens, { tenG, intel }];
    }
  }

  async stop(): Promise<void> {
    await this.#node?.[Symbol.asyncDispose]();
    this.#node = undefined;
  }
}

const domain = 'simulated.node';

/**
 * The first PF offers its 4 VFs under two names, so that there are more tokens in pods than VFs; the second one's only
 * VF is never given to a pod.
 */
const usual: NodeOptions = {
  physicalFunctions: [
    { address: '0000:01:00.0', totalVfs: 8, vfs: 4, capabilities: ['10G', 'intel'] },
    { address: '0000:02:00.0', totalVfs: 8, vfs: 1, capabilities: ['25G'] },
  ],
};

/** The resource of which no pod ever has a device. */
export const unusedResource = `${domain}/25G`;

/** Puts a node under the tests of the running suite; after them nothing of it is left on the machine. */
export function useNode(options: NodeOptions = {}): NodeFixture {
  const fixture = new NodeFixture();
  let before: readonly string[] = [];
  before_(async function () {
    const reason = await whyNot(options);
    if (reason !== undefined) skipBecause(this, reason);
    this.timeout(120_000);
    before = await findTraces();
    await fixture.start({ ...usual, ...options });
  });
  after(async function () {
    this.timeout(120_000);
    await fixture.stop();
    if ((await whyNot(options)) === undefined) expect(await findTraces()).to.deep.equal(before);
  });
  return fixture;
}

/** Mocha's, under a name that leaves the other free. */
const before_ = before;

async function whyNot({ cgroups }: NodeOptions): Promise<string | undefined> {
  if (process.getuid?.() !== 0) return 'needs root: network namespaces and links of the running kernel';
  if (!isInstalled('ip')) return 'needs ip (Debian package iproute2)';
  return cgroups && whyUnusable(cgroups);
}

/** A signal for calls that end by themselves; generous, for it is only a safety net. */
export function inTime(): AbortSignal {
  return AbortSignal.timeout(50_000);
}
