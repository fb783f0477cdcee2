import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { SimulatedContainer } from '../../../simulation/cgroups/container.js';
import { attachedCode } from '../../../simulation/cgroups/device-programs.js';
import type { SimulatedNode } from '../../../simulation/node.js';
import { parsePciAddress } from '../../../src/ports/pci-address.js';
import { stateOf } from './expectations.js';

/** Everything that a VFIO request could have changed: netdevs, drivers, device nodes, and the rules of pods' containers. */
export async function deviceStateOf(node: SimulatedNode, pods: readonly string[]) {
  const { home, far, endpoint } = await stateOf(node);
  const functions = node.hardware.ports.map((port) => port.function).sort();
  return {
    netdevs: home.links.map(({ name, mac, mtu, up }) => `${name} ${mac} ${mtu} ${up}`).sort(),
    far,
    endpoint,
    drivers: await Promise.all(functions.map(async (it) => `${it} ${await driverOf(node, it)}`)),
    nodes: (await readdir(node.vfioFolder)).sort(),
    rules: await Promise.all(pods.map((pod) => rulesOf(node.container(pod)))),
  };
}

/** The driver of a function; undefined when it has none. */
export function driverOf({ hardware }: SimulatedNode, address: string): Promise<string | undefined> {
  return hardware.tree.driver(parsePciAddress(address));
}

/** What the kernel holds about devices in a container's cgroup, in either version's words. */
async function rulesOf({ folder }: SimulatedContainer): Promise<string> {
  const listed = await readFile(join(folder, 'devices.list'), 'utf8').catch(() => undefined);
  if (listed !== undefined) return listed;
  return (await attachedCode(folder)).map((code) => Buffer.from(code).toString('hex')).join(' ');
}
