import { expect } from 'chai';
import { runInside } from '../../simulation/network/run-inside.js';
import { inTime, useNode } from './support/node-fixture.js';

describe("the daemon's profiles", () => {
  const fixture = useNode({ env: { NSM_PPROF_ENABLED: 'true', NSM_PPROF_LISTEN_ON: '127.0.0.1:6060' } });

  it('are served on the loopback of the node', async () => {
    const { node } = fixture;
    const { home } = node.hardware;
    await runInside(home, ['ip', 'link', 'set', 'lo', 'up'], { signal: inTime() });
    await node.daemon.stop();
    await node.startDaemon(inTime());
    await node.daemon.logged('phase: profiles served', inTime());

    const url = 'http://127.0.0.1:6060/debug/pprof/profile?seconds=0.1';
    const asking = `fetch('${url}').then((it) => it.json()).then((it) => console.log(it.nodes.length > 0))`;
    const { output, errors } = await runInside(home, [process.execPath, '-e', asking], { signal: inTime() });
    expect(output, errors).to.equal('true\n');
  }).timeout(40_000);
});
