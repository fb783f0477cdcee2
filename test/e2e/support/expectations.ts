import { expect } from 'chai';
import type { SimulatedClient } from '../../../simulation/client.js';
import { listLinks } from '../../../simulation/network/links.js';
import { look } from '../../../simulation/network/look.js';
import type { SimulatedNode } from '../../../simulation/node.js';
import { ForwarderError } from '../../../src/ports/error.js';
import { inTime } from './node-fixture.js';

/** Awaits a refusal with this gRPC status; returns its message. */
export async function refusal(status: string, attempt: Promise<unknown>): Promise<string> {
  const outcome = await attempt.then(
    () => 'no refusal',
    (error: unknown) => error,
  );
  expect(outcome).to.be.instanceOf(ForwarderError);
  const error = outcome as ForwarderError;
  expect(error.details['grpcCode'] ?? error.kind, error.message).to.equal(status);
  return error.message;
}

/** Everything that a request could have changed: links, addresses, routes and rules everywhere, and the endpoint's view. */
export async function stateOf(node: SimulatedNode, ...clients: readonly SimulatedClient[]) {
  await node.hardware.settled();
  const far = [...(await listLinks(node.hardware.far))].sort((a, b) => a.name.localeCompare(b.name));
  return {
    home: await look(node.hardware.home, inTime()),
    // Not the other ends of what clients had of their own: the kernel removes them some time after their namespace.
    far: far.filter(({ name }) => name.startsWith('wire')).map(({ name, mac, mtu, up }) => ({ name, mac, mtu, up })),
    clients: await Promise.all(clients.map((client) => client.look(inTime()))),
    endpoint: node.endpoint.connections,
  };
}

/** Runs something that must leave everything as it was. */
export async function withoutTrace<T>(
  node: SimulatedNode,
  clients: readonly SimulatedClient[],
  work: () => Promise<T>,
): Promise<T> {
  const before = await stateOf(node, ...clients);
  const result = await work();
  expect(await stateOf(node, ...clients)).to.deep.equal(before);
  return result;
}

/** The pool is as good as before: a proper request with this token is served. */
export async function expectServed(client: SimulatedClient, token: string): Promise<void> {
  const { mechanism } = await client.request({ token, interfaceName: 'again' });
  expect(mechanism?.parameters).to.deep.include({ name: 'again', tokenID: token });
  await client.close();
}

/** The link of this name in a client's namespace. */
export async function linkOf(client: SimulatedClient, name: string) {
  const { links } = await client.look(inTime());
  const link = links.find((it) => it.name === name);
  if (link === undefined) throw new Error(`no ${name} among ${links.map((it) => it.name).join(', ')}`);
  return link;
}
