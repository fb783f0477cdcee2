import { expect } from 'chai';
import { inTime, useNode } from './support/node-fixture.js';

const shape =
  /^[A-Z][a-z]{2} [ \d]\d \d\d:\d\d:\d\d\.\d{3} \[(DEBU|INFO|WARN|ERRO)\] (\[id:[^\]]+\] )?\[name:[^\]]+\] \S/;

describe("the daemon's log", () => {
  const fixture = useNode({ env: { NSM_LOG_LEVEL: 'TRACE', NSM_LOG_FORMAT: 'text' } });

  it('has the shape of other NSM components, line by line', () => {
    const { lines } = fixture.node.daemon;
    expect(lines.length).to.be.above(5);
    expect(lines.filter((line) => !shape.test(line))).to.deep.equal([]);
  });

  it('S7: shows no token of a path at its loudest, whether a call succeeds or fails', async () => {
    const client = await fixture.client();
    const { daemon } = fixture.node;
    const from = daemon.lines.length;
    await client.request({ token: fixture.token() });
    await client.close();
    await client.request({ token: 'sriov-none' }).catch(() => undefined);
    await daemon.logged('Request failed', inTime(), from);

    expect(daemon.lines.filter((line) => line.includes('Request done'))).to.have.length(1);
    expect(daemon.lines.filter((line) => line.includes('eyJ'))).to.deep.equal([]);
  });

  it('grows louder with SIGUSR1 and is as configured after SIGUSR2; the process lives on', async () => {
    const { daemon } = fixture.node;
    for (const signal of ['SIGUSR1', 'SIGUSR2'] as const) {
      const from = daemon.lines.length;
      daemon.send(signal);
      await daemon.logged('log level is trace now', inTime(), from);
    }
    expect(daemon.running).to.equal(true);
    expect(daemon.lines.filter((line) => line.includes('Debugger listening'))).to.deep.equal([]);
  });
});
