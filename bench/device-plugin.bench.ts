/**
 * The device plugin with 32 resources of 256 tokens each: from its start until kubelet counts them all, the memory it
 * takes, and what a poll of pod-resources costs with 500 pods in the answer. Kubelet is simulated, in a process of its
 * own.
 *
 * Run: node --expose-gc --import tsx bench/device-plugin.bench.ts
 */
import { type ChildProcess, fork } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { once } from 'node:events';
import { mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { SimulatedKubelet } from '../simulation/kubelet/simulated-kubelet.js';
import { SystemClock } from '../src/clock/system-clock.js';
import { offerFromPool } from '../src/daemon/offer-from-pool.js';
import { DevicePlugin } from '../src/deviceplugin/device-plugin.js';
import type { Log } from '../src/ports/log.js';
import { parsePciAddress } from '../src/ports/pci-address.js';
import { ResourcePool } from '../src/resourcepool/resource-pool.js';
import { parseTokenId } from '../src/resourcepool/token-id.js';
import { heapInUse, printTable } from './measure.js';

const resources = 32;
const tokensPerResource = 256;
const pods = 500;
const polls = 40;
const names = Array.from({ length: resources }, (_, n) => `bench.domain/capability-${n}`);
const never = new AbortController().signal;

/** Until what was sent has left its buffers, ms: they are not part of what a plugin keeps. */
const settleMs = 500;
/** Between two looks at how far the polls are, ms. */
const lookMs = 50;

const quiet: Log = { debug: nothing, info: nothing, warn: nothing, error: nothing, with: () => quiet };
function nothing(): void {}

/** What the process with kubelet in it is told, and answers each time. */
type Order = 'count' | 'admit' | 'lists';

async function bench(folder: string): Promise<void> {
  const kubelet = fork(fileURLToPath(import.meta.url), [folder], { execArgv: ['--import', 'tsx'] });
  await once(kubelet, 'message');
  const pool = createPool();
  const before = heapInUse();
  const start = performance.now();
  const plugin = await startPlugin(pool, folder, 3_600_000);
  await tell(kubelet, 'count');
  const registered = performance.now() - start;
  await setTimeout(settleMs);
  const heap = heapInUse() - before;
  await tell(kubelet, 'admit');
  await plugin[Symbol.asyncDispose]();

  const polling = await startPlugin(pool, folder, 1);
  await tell(kubelet, 'count');
  const [listsBefore, cpu, since] = [await tell(kubelet, 'lists'), process.cpuUsage(), performance.now()];
  let lists = listsBefore;
  while (lists - listsBefore < polls) {
    await setTimeout(lookMs);
    lists = await tell(kubelet, 'lists');
  }
  const { user, system } = process.cpuUsage(cpu);
  const done = lists - listsBefore;
  await polling[Symbol.asyncDispose]();
  kubelet.kill();
  printTable(
    ['what', 'figure'],
    [
      ['start until kubelet counts all tokens', `${registered.toFixed(0)} ms`],
      ['heap of the running plugin, without the pool', `${(heap / 1e6).toFixed(1)} MB`],
      [`a poll with ${pods} pods, processor time`, `${((user + system) / 1000 / done).toFixed(1)} ms`],
      [`a poll with ${pods} pods, from one to the next`, `${((performance.now() - since) / done).toFixed(1)} ms`],
    ],
  );
}

async function startPlugin(pool: ResourcePool, folder: string, pollInterval: number): Promise<DevicePlugin> {
  const parts = {
    offer: offerFromPool(pool, nothing),
    clock: new SystemClock(),
    log: quiet,
    pollInterval,
    ...paths(folder),
  };
  const plugin = await DevicePlugin.restore(parts, never);
  plugin.serve();
  return plugin;
}

function createPool(): ResourcePool {
  const physicalFunctions = names.map((name, pf) => {
    const bus = pf.toString(16).padStart(2, '0');
    const virtualFunctions = Array.from({ length: tokensPerResource }, (_, vf) => {
      const address = `0001:${bus}:${(vf >> 3).toString(16).padStart(2, '0')}.${vf & 7}`;
      return { address: parsePciAddress(address), groupHasPhysicalFunction: false };
    });
    return { address: parsePciAddress(`${bus}:00.0`), names: [name], virtualFunctions };
  });
  return new ResourcePool({ physicalFunctions }, () => parseTokenId(`sriov-${randomUUID()}`));
}

function paths(folder: string) {
  return { devicePluginPath: join(folder, 'plugins'), podResourcesPath: join(folder, 'pods') };
}

/** Sends an order and waits for its answer. */
async function tell(kubelet: ChildProcess, order: Order): Promise<number> {
  kubelet.send(order);
  const [answer] = (await once(kubelet, 'message')) as [number];
  return answer;
}

/** The process with kubelet in it. */
async function playKubelet(folder: string): Promise<void> {
  const kubelet = new SimulatedKubelet(paths(folder));
  await kubelet.start();
  const orders: Readonly<Record<Order, () => Promise<number>>> = {
    async count() {
      const all = () => names.every((name) => kubelet.resource(name)?.allocatable === tokensPerResource);
      await kubelet.until(all, never);
      return 0;
    },
    async admit() {
      for (let pod = 0; pod < pods; pod++) {
        const requests = { [names[pod % resources] ?? '']: 1 };
        await kubelet.addPod({ namespace: 'bench', name: `pod-${pod}`, container: 'main', requests });
      }
      return pods;
    },
    lists: async () => kubelet.lists.length,
  };
  process.on('message', (order: Order) => void orders[order]().then((answer) => process.send?.(answer)));
  process.send?.('ready');
}

const [given] = process.argv.slice(2);
if (given !== undefined) {
  await playKubelet(given);
} else {
  const folder = await mkdtemp(join(tmpdir(), 'bench-'));
  try {
    console.log(`${resources} resources with ${tokensPerResource} tokens each:\n`);
    await bench(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
