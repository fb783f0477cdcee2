import { isDeepStrictEqual } from 'node:util';
import { expect } from 'chai';
import type { Port } from '../../simulation/hardware.js';
import { listLinks } from '../../simulation/network/links.js';
import type { SimulatedNode } from '../../simulation/node.js';
import { SystemClock } from '../../src/clock/system-clock.js';
import type { NamespaceFile } from '../../src/native/network-namespace.js';
import { inTime } from '../e2e/support/node-fixture.js';
import type { RestlessClient } from './restless-client.js';

/** Where a VF is, by PCI address: `<namespace>: <name> up`, once for each place where its netdev is found. */
type Places = Readonly<Record<string, readonly string[]>>;

/** A PF of the node whose VFs have two names, of which clients only ever ask for the first. */
export interface TwoNamed {
  readonly address: string;
  readonly vfs: number;
  readonly second: string;
}

export interface Booked {
  readonly clients: readonly RestlessClient[];
  readonly pfs: readonly TwoNamed[];
}

/** Longest time until a VF is home that had to wait in quarantine, ms. */
const patienceMs = 60_000;
const lookMs = 100;

/**
 * Compares, while nobody asks for anything, what is in the books of all who keep any: the clients', the kernel's, and
 * those of the daemon's pool as kubelet sees them. So no VF is lost, and none is in two places. One that could not be
 * taken home at once gets some time to come.
 */
export async function expectSameBooks(node: SimulatedNode, { clients, pfs }: Booked): Promise<void> {
  const held = clients.flatMap(({ vf }) => vf ?? []);
  expect(new Set(held).size, 'VFs that clients have').to.equal(held.length);
  const isVf = (address: string) => pfs.every((pf) => pf.address !== address);
  const look = async () => {
    await node.hardware.settled();
    const vfs = node.hardware.ports.filter((port) => isVf(port.function));
    const promised = Object.fromEntries(vfs.map((port) => [port.function, promisedPlace(port, clients)]));
    return { promised, real: await places(node, clients, vfs) };
  };
  const { promised, real } = await untilEqual(look);
  expect(real, 'places of VFs').to.deep.equal(promised);
  expect(Object.keys(real).length, 'VFs with a netdev').to.equal(pfs.reduce((sum, { vfs }) => sum + vfs, 0));
  for (const pf of pfs) {
    const used = held.filter((vf) => vf.slice(0, 7) === pf.address.slice(0, 7)).length;
    // Each VF in use closes one token of its other name.
    await untilAllocatable(node, pf.second, pf.vfs - used);
  }
}

interface Look {
  readonly promised: Places;
  readonly real: Places;
}

/** The last look: the first that shows what was promised, or the one with which the patience ended. */
async function untilEqual(look: () => Promise<Look>): Promise<Look> {
  const clock = new SystemClock();
  const until = clock.now() + patienceMs;
  for (;;) {
    const seen = await look();
    if (isDeepStrictEqual(seen.promised, seen.real) || clock.now() > until) return seen;
    await clock.sleep(lookMs);
  }
}

function promisedPlace(port: Port, clients: readonly RestlessClient[]): readonly string[] {
  const owner = clients.find(({ vf }) => vf === port.function);
  return [owner === undefined ? `home: ${port.name} down` : `${owner.client.id}: ${owner.interfaceName} up`];
}

async function places(node: SimulatedNode, clients: readonly RestlessClient[], vfs: readonly Port[]): Promise<Places> {
  const namespaces: (readonly [string, NamespaceFile])[] = [
    ['home', node.hardware.home],
    ...clients.map(({ client }) => [client.id, client.namespace] as const),
  ];
  const links = await Promise.all(
    namespaces.map(async ([name, namespace]) => (await listLinks(namespace)).map((link) => ({ ...link, at: name }))),
  );
  const foundAt = ({ mac }: Port) => links.flat().filter((link) => link.mac === mac);
  const seen = ({ at, name, up }: { at: string; name: string; up: boolean }) => `${at}: ${name} ${up ? 'up' : 'down'}`;
  return Object.fromEntries(vfs.map((port) => [port.function, foundAt(port).map(seen)]));
}

async function untilAllocatable({ kubelet }: SimulatedNode, resource: string, count: number): Promise<void> {
  const counted = () => kubelet.resource(resource)?.allocatable;
  await kubelet
    .until(() => counted() === count, inTime())
    .catch(() => expect(counted(), `healthy devices of ${resource}`).to.equal(count));
}
