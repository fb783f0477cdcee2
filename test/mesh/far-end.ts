import type { Port } from '../../simulation/hardware.js';
import { runInside } from '../../simulation/network/run-inside.js';
import type { NamespaceFile } from '../../src/native/network-namespace.js';
import type { GoConnection } from '../interop/go-client.js';

/** What each wire was made to answer for last, by its far end. */
const answering = new WeakMap<NamespaceFile, Map<string, readonly string[]>>();

/**
 * Makes the far end of a VF's wire answer for the addresses of a connection's endpoint, whatever it was good for before:
 * the endpoint of this mesh gives addresses and has no interface of its own. What it answers for already stays, so that
 * no ping is lost to a refresh.
 */
export async function connectFarEnd(
  { far, port, connection }: { far: NamespaceFile; port: Port; connection: GoConnection },
  signal: AbortSignal,
): Promise<void> {
  const { srcIpAddrs: peers, dstIpAddrs: own } = connection.context.ipContext;
  const wires = answering.get(far) ?? new Map<string, readonly string[]>();
  answering.set(far, wires);
  const before = wires.get(port.wire) ?? [];
  const now = [...own, ...peers];
  if (before.join() === now.join()) return;
  const commands = [
    `address flush dev ${port.wire}`,
    ...own.map((address) => `address replace ${address} dev ${port.wire}`),
    // Another wire's route to an address that was given out again goes with this.
    ...peers.map((address) => `route replace ${address} dev ${port.wire}`),
  ];
  const input = commands.map((command) => `${command}\n`).join('');
  const ending = await runInside(far, ['ip', '-batch', '-'], { input, signal });
  if (ending.status !== 0) throw new Error(`the far end of ${port.function}: ${ending.errors.trim()}`);
  for (const [wire, others] of wires) if (others.some((address) => now.includes(address))) wires.delete(wire);
  wires.set(port.wire, now);
}
