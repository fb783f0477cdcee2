import { expect } from 'chai';
import { type Connection, ConnectionEvent, ConnectionEventType } from '../../../apis/generated/connection.js';
import { pathOf } from '../../../simulation/network/fresh-namespace.js';
import { toForwarderError } from '../../../src/ports/error.js';
import type { Connection as Channel } from '../../../src/transport/connection.js';
import { Random, seedOfThisRun } from '../../chaos/random.js';
import { until } from '../../pci/until.js';
import { DaemonAtRest } from '../support/daemon-at-rest.js';
import { expectServed } from '../support/expectations.js';
import { useNode } from '../support/node-fixture.js';
import { RawPeer } from '../support/raw-peer.js';
import { type FuzzedCall, fuzzedCall, fuzzedContext, fuzzedEndpoint, fuzzedService, type Honest } from './messages.js';

const isLong = process.env['FUZZ'] === 'long';
const calls = isLong ? 100_000 : 480;
const together = 12;
/** Longer than any call takes on the busiest machine. */
const patienceMs = 60_000;
const fuzzedName = 'fuzzed-service';

/** Texts of answers that no one has written for people: something was used that was not there. */
const slips = /TypeError|is not a function|of undefined|of null|is not iterable|ERR_[A-Z]/;

/** No status of the daemon's, or one that says that it stumbled. What cannot be decoded is INTERNAL, as in every gRPC. */
function isStrange(answer: string): boolean {
  return slips.test(answer) || /^no status|^DEADLINE|^INTERNAL: (?!Error deserializing)/.test(answer);
}

const paths = {
  Request: '/networkservice.NetworkService/Request',
  Close: '/networkservice.NetworkService/Close',
  MonitorConnections: '/connection.MonitorConnection/MonitorConnections',
} as const;

const asIs = { requestSerialize: (bytes: Uint8Array) => Buffer.from(bytes), responseDeserialize: (it: Buffer) => it };

/** Makes the call; returns its status, with the message. */
async function send(channel: Channel, { method, bytes }: FuzzedCall): Promise<string> {
  const signal = AbortSignal.timeout(2 * patienceMs);
  const options = { signal, timeoutMs: patienceMs };
  const wire = { path: paths[method], ...asIs };
  try {
    if (method !== 'MonitorConnections') await channel.unary(wire, bytes, options);
    else for await (const _event of channel.stream(wire, bytes, options)) break;
    return 'OK';
  } catch (thrown) {
    const { details, kind, message } = toForwarderError(thrown);
    return `${details['grpcCode'] ?? `no status, ${kind}`}: ${message}`;
  }
}

/** What the peer has, as a monitor shows it, with the caller's id and index. */
async function remaining(peer: RawPeer): Promise<Connection[]> {
  const event = await peer.monitor({ pathSegments: [], networkServices: [] });
  expect(event?.type).to.equal(ConnectionEventType.INITIAL_STATE_TRANSFER);
  return Object.values(ConnectionEvent.fromPartial(event ?? {}).connections).map((connection) => {
    const { index = 0, pathSegments = [] } = connection.path ?? {};
    return { ...connection, id: pathSegments[index - 1]?.id ?? '', path: { index: index - 1, pathSegments } };
  });
}

describe(`${calls.toLocaleString('en')} fuzzed messages (FUZZ=long: 100,000)`, function () {
  this.timeout(isLong ? 3 * 3_600_000 : 300_000);
  const fixture = useNode();
  // The short form sends the same every time: what it finds comes from a change of the code, not from luck.
  const seed = isLong || process.env['CHAOS_SEED'] !== undefined ? seedOfThisRun() : 20_250_101;

  it('are each answered with a status; nothing crashes, nothing is left, no VF is out, no token is in the log', async () => {
    const { node } = fixture;
    using client = await fixture.client();
    await expectServed(client, fixture.token());
    const atRest = await DaemonAtRest.of(node.daemon);
    // As the honest client has: tokens serve whoever used them first.
    const identity = await node.issue('/client/workload');
    const url = () => node.registry.urlOf(node.daemonName);
    const random = new Random(seed);
    const counts = new Map<string, number>();
    const strange: string[] = [];

    const note = (answer: string) => {
      const [code = ''] = answer.split(':');
      counts.set(code, (counts.get(code) ?? 0) + 1);
      if (isStrange(answer)) strange.push(answer.slice(0, 300));
    };
    const worker = async (choices: Random, count: number): Promise<void> => {
      for (let left = count; left > 0; ) {
        await using peer = new RawPeer({ identity, url: url() });
        const batch = Math.min(left, 20);
        left -= batch;
        await peer.use(async (channel) => {
          const inodeURL = channel.sendFile(pathOf(client.namespace));
          const tokens = fixture.tokens.map(({ tenG }) => tenG);
          const honest: Honest = { networkServices: [node.networkService, fuzzedName], tokens, inodeURL };
          for (let n = 0; n < batch; n += 1) {
            node.registry.services.set(fuzzedName, fuzzedService(fuzzedName, choices));
            node.registry.add(fuzzedEndpoint(fuzzedName, choices));
            note(await send(channel, fuzzedCall(honest, choices)));
          }
        });
      }
    };

    node.endpoint.behaviour = { kind: 'agree', context: () => fuzzedContext(random) };
    const begin = performance.now();
    await Promise.all(Array.from({ length: together }, () => worker(random.fork(), calls / together)));
    const seconds = ((performance.now() - begin) / 1000).toFixed(1);
    const tally = [...counts].sort(([, a], [, b]) => b - a).map(([code, count]) => `${code} ${count}`);
    console.log(`      CHAOS_SEED=${seed}: ${calls} calls in ${seconds} s: ${tally.join(', ')}`);
    node.endpoint.behaviour = { kind: 'agree' };

    expect(node.daemon.running).to.equal(true);
    expect(strange).to.deep.equal([]);
    {
      await using peer = new RawPeer({ identity, url: url() });
      // A monitor is told of many in several events; here only the first one is read.
      for (let left = await remaining(peer); left.length > 0; left = await remaining(peer)) {
        for (const connection of left) await peer.close(connection);
      }
    }
    await until(async () => (await node.hardware.homecomers()) === node.hardware.ports.length);
    expect(node.endpoint.connections).to.equal(0);
    await atRest.again();
    console.log(
      `      memory ${Math.round(atRest.memory)} MiB before, ${Math.round(node.daemon.usage().memory)} MiB after`,
    );
    expect(node.daemon.lines.filter((line) => line.includes('eyJ'))).to.deep.equal([]);
    await expectServed(client, fixture.token(1));
  });
});
