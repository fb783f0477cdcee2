import type { Connection } from '../apis/generated/connection.js';
import { SystemClock } from '../src/clock/system-clock.js';
import { ForwarderError } from '../src/ports/error.js';
import type { SimulatedClient } from './client.js';

const pauseMs = 50;

/**
 * Changes the mechanism of a client's connection. To VFIO it is asked again where the answer is that the VF's netdev is
 * away, which it was a moment ago: the simulated PCI tree shows that a netdev has come home with a delay, unlike a kernel.
 */
export async function changeMechanism(client: SimulatedClient, type: string, signal: AbortSignal): Promise<Connection> {
  for (;;) {
    try {
      return await client.request({ type, signal });
    } catch (thrown) {
      if (!(thrown instanceof ForwarderError) || !thrown.message.includes('its netdev is away')) throw thrown;
    }
    await new SystemClock().sleep(pauseMs, signal);
  }
}
