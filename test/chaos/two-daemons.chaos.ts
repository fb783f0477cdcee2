import { expect } from 'chai';
import { inTime, useNode } from '../e2e/support/node-fixture.js';
import { skipBecause } from '../skip-because.js';

describe('a second daemon on a node', () => {
  const fixture = useNode();

  it('waits for the first, says for whom, touches nothing, and takes over when that one is killed', async function () {
    this.timeout(60_000);
    const { node } = fixture;
    const first = node.daemon;
    using client = await fixture.client();
    const answer = await client.request({ token: fixture.token() });
    const second = node.launchDaemon();
    await second.logged('is locked by', inTime());
    expect(second.lines.join('\n')).to.include(`process ${first.pid} (`);
    await client.request();
    using other = await fixture.client();
    await other.request({ token: fixture.token(1) });
    await other.close();
    expect(second.lines.join('\n')).not.to.include('phase: tokens restored');
    await first.stop('SIGKILL');
    await second.logged('phase: registered', inTime());
    const healed = await client.request();
    expect(healed.mechanism?.parameters).to.deep.equal(answer.mechanism?.parameters);
    await client.close();
  });

  it('ends with a message when the first stays', async function () {
    if (process.env['CHAOS'] !== 'long') skipBecause(this, 'waits for a minute: run npm run test:chaos');
    this.timeout(90_000);
    const second = fixture.node.launchDaemon();
    expect(await second.ended).to.deep.equal({ code: 1, signal: null });
    expect(second.lines.join('\n')).to.include('end that one, or wait until its pod is gone');
  });
});
