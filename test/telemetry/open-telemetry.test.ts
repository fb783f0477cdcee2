import { createServer, type Socket } from 'node:net';
import { expect } from 'chai';
import { ForwarderError } from '../../src/ports/error.js';
import { OpenTelemetry } from '../../src/telemetry/open-telemetry.js';
import { keptLog } from '../transport/support/kept-log.js';
import { until } from '../transport/support/until.js';
import { Collector } from './collector.js';

const method = '/networkservice.NetworkService/Request';
const denied = 7;

function open(endpoint: string, log = keptLog()): OpenTelemetry {
  return new OpenTelemetry({ name: 'a-forwarder', endpoint, metricsIntervalMs: 60_000, codeOf: () => denied, log });
}

/** Long enough for everything to be sent. */
function patience(): AbortSignal {
  return AbortSignal.timeout(50_000);
}

describe('telemetry with a collector', () => {
  let collector: Collector;
  let telemetry: OpenTelemetry;

  beforeEach(() => {
    collector = Collector.start();
    telemetry = open(collector.endpoint);
  });

  afterEach(async () => {
    await telemetry.stop(patience());
    collector[Symbol.dispose]();
  });

  function collected(name: string) {
    const found = collector.spans.find((span) => span.name === name);
    if (found === undefined) throw new Error(`no span ${name} among ${collector.spans.map((it) => it.name).join()}`);
    return found;
  }

  it('tells of work within work, across awaits, under the name of the service', async () => {
    await telemetry.span('outer', { id: 'connection-1' }, async () => {
      await Promise.resolve();
      await telemetry.span('inner', {}, () => Promise.resolve());
    });
    await telemetry.stop(patience());

    const outer = collected('outer');
    expect(outer.attributes).to.deep.equal({ 'service.name': 'a-forwarder', id: 'connection-1' });
    expect(outer.parent).to.equal('');
    expect(collected('inner').parent).to.equal(outer.id);
    expect(collected('inner').trace).to.equal(outer.trace);
  });

  it("puts a call into its caller's trace, and hands the trace on with the calls that it leads to", async () => {
    const trace = 'a'.repeat(32);
    const caller = 'b'.repeat(16);
    const handedOn = await telemetry.serve(method, `00-${trace}-${caller}-01`, () =>
      telemetry.call(method, () => Promise.resolve(telemetry.traceparent())),
    );
    await telemetry.stop(patience());

    const [onward, served] = collector.spans;
    expect(served?.name).to.equal('networkservice.NetworkService/Request');
    expect(served?.trace).to.equal(trace);
    expect(served?.parent).to.equal(caller);
    expect(onward?.parent).to.equal(served?.id);
    expect(handedOn).to.equal(`00-${trace}-${onward?.id}-01`);
  });

  for (const nothing of [undefined, '', 'nonsense', `00-${'0'.repeat(32)}-${'b'.repeat(16)}-01`]) {
    it(`begins a trace of its own for a call with the traceparent ${JSON.stringify(nothing)}`, async () => {
      await telemetry.serve(method, nothing, () => Promise.resolve());
      await telemetry.stop(patience());
      expect(collector.spans.map(({ parent }) => parent)).to.deep.equal(['']);
    });
  }

  it('tells of failures, and passes on what was thrown', async () => {
    const failure = new ForwarderError('denied', 'not yours');
    const thrown = await telemetry.serve(method, undefined, () => Promise.reject(failure)).catch((it: unknown) => it);
    await telemetry.stop(patience());

    expect(thrown).to.equal(failure);
    expect(collector.spans.map((span) => span.failure)).to.deep.equal(['denied: not yours']);
    const durations = collector.points.filter(({ metric }) => metric === 'rpc.server.duration');
    expect(durations.map(({ count, attributes }) => ({ count, method: attributes['rpc.method'] }))).to.deep.equal([
      { count: 1, method: 'Request' },
    ]);
  });

  it('reads gauges when it exports', async () => {
    telemetry.gauge('sriov.vf.free', 'VFs that nobody has', () => [{ value: 3, facts: { pf: '0000:01:00.0' } }]);
    await telemetry.stop(patience());
    expect(collector.points).to.deep.equal([{ metric: 'sriov.vf.free', value: 3, attributes: { pf: '0000:01:00.0' } }]);
  });
});

describe('telemetry without a collector', () => {
  it('O2: does the work, and says now and then that nobody is there', async () => {
    const log = keptLog();
    const telemetry = open('127.0.0.1:1', log);
    for (let i = 0; i < 3_000; i += 1) await telemetry.span('work', {}, () => Promise.resolve());
    expect(await telemetry.serve(method, undefined, () => Promise.resolve('done'))).to.equal('done');
    await until(
      () => log.lines.length > 0,
      () => 'nothing was logged',
    );
    expect(log.lines[0]).to.match(/^telemetry: /);
    await telemetry.stop(AbortSignal.abort());
  }).timeout(15_000);

  it('O2: ends when its time is over, where somebody takes everything and answers nothing', async () => {
    const sockets: Socket[] = [];
    const silent = createServer((socket) => void sockets.push(socket.resume())).listen(0, '127.0.0.1');
    await new Promise((resolve) => silent.once('listening', resolve));
    const address = silent.address();
    const telemetry = open(`127.0.0.1:${typeof address === 'object' ? address?.port : 0}`);
    await telemetry.span('work', {}, () => Promise.resolve());
    await telemetry.stop(AbortSignal.timeout(50));
    silent.close();
    for (const socket of sockets) socket.destroy();
  });
});
