import { expect } from 'chai';
import { runInside } from '../../simulation/network/run-inside.js';
import { Collector } from '../telemetry/collector.js';
import { until } from '../transport/support/until.js';
import { inTime, useNode } from './support/node-fixture.js';

/** In the network namespace that the daemon takes for the host's, where nobody else listens. */
const port = 4317;

describe("the daemon's telemetry", () => {
  const fixture = useNode({
    env: {
      TELEMETRY: 'true',
      NSM_OPEN_TELEMETRY_ENDPOINT: `127.0.0.1:${port}`,
      NSM_METRICS_EXPORT_INTERVAL: '500ms',
    },
  });
  let collector: Collector | undefined;

  after(() => collector?.[Symbol.dispose]());

  it('O2: lets it start, serve, and end in order while there is no collector', async () => {
    const { node } = fixture;
    using client = await fixture.client();
    await client.request({ token: fixture.token() });
    await client.close();
    await node.daemon.logged('telemetry: ', inTime());
    expect(await node.daemon.stop()).to.include({ code: 0 });
  }).timeout(30_000);

  it('shows a Request with its steps, and a Close with what it takes back, once there is one', async () => {
    const { node } = fixture;
    const { home } = node.hardware;
    await runInside(home, ['ip', 'link', 'set', 'lo', 'up'], { signal: inTime() });
    collector = Collector.start({ namespace: home, port });
    const { spans } = collector;
    await node.startDaemon(inTime());
    using client = await fixture.client();
    await client.request({ token: fixture.token() });
    await client.close();
    await node.daemon.stop();

    const named = (name: string) => spans.filter((it) => it.name === name);
    const call = (name: string) => named(`networkservice.NetworkService/${name}`);
    const served = call('Request').find(({ parent }) => parent === '');
    const below = spans.filter(({ trace }) => trace === served?.trace).map(({ name }) => name);
    expect(below).to.include.members(['update-token', 'choose-mechanism', 'connect-onward', 'discover']);
    const onward = call('Request').find(({ parent }) => parent !== '');
    expect(named('connect-onward').map(({ id }) => id)).to.deep.equal([onward?.parent]);
    const closed = call('Close').find(({ parent }) => parent === '');
    expect(named('undo function-claimed').map(({ parent }) => parent)).to.deep.equal([closed?.id]);
    expect(served?.attributes['service.name']).to.equal(node.daemonName);
    expect(JSON.stringify(spans)).not.to.include('eyJ');
  }).timeout(30_000);

  it('counts what the node has', async () => {
    const { points } = collector ?? { points: [] };
    await fixture.node.startDaemon(inTime());
    const last = (metric: string, pf: string) =>
      points.findLast((it) => it.metric === metric && it.attributes['pf'] === pf)?.value;
    await until(() => last('sriov.vf.free', '0000:01:00.0') === 4);
    expect(last('sriov.vf.total', '0000:02:00.0')).to.equal(1);
    expect(points.map(({ metric }) => metric)).to.include.members([
      'sriov.token.count',
      'sriov.connection.count',
      'sriov.vf.quarantined',
      'sriov.vf.held_back',
      'rpc.server.duration',
    ]);
  }).timeout(30_000);
});
