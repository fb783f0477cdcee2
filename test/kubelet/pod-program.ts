/**
 * What runs in a pod: an NSM client in the pod's own network namespace, with the token of the pod's own environment. It
 * asks for a connection, says what it got, and stays; it never closes, and no signal but KILL ends it.
 */
import { SimulatedClient } from '../../simulation/client.js';
import { SystemClock } from '../../src/clock/system-clock.js';
import { openOwnNetworkNamespace } from '../../src/native/network-namespace.js';
import type { Log } from '../../src/ports/log.js';
import { WorkloadApiSource } from '../../src/transport/workload-api-source.js';

process.on('SIGTERM', () => undefined);
const stay = setInterval(() => undefined, 60_000);

const log: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: (message) => console.log(message),
  error: (message) => console.log(message),
  with: () => log,
};

const { FORWARDER: forwarder = '', NETWORK_SERVICE: networkService = '', SPIFFE_ENDPOINT_SOCKET = '' } = process.env;
const token = Object.entries(process.env).find(([name]) => name.startsWith('NSM_SRIOV_TOKENS_'))?.[1];
const signal = new AbortController().signal;
const source = new WorkloadApiSource({ address: SPIFFE_ENDPOINT_SOCKET, clock: new SystemClock(), log, signal });

try {
  await source.ready(signal);
  const namespace = openOwnNetworkNamespace();
  const client = new SimulatedClient({
    name: 'client-in-a-pod',
    networkService,
    source,
    namespace,
    forwarder: () => forwarder,
  });
  const { mechanism } = await client.request({ token, interfaceName: 'nsm-1' });
  console.log(JSON.stringify({ connected: mechanism?.parameters['pciAddress'], namespace: namespace.id, token }));
} catch (error) {
  console.log(JSON.stringify({ failed: (error as Error).message }));
  clearInterval(stay);
}
