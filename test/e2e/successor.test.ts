import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { expect } from 'chai';
import type { SimulatedClient } from '../../simulation/client.js';
import { linkOf, stateOf } from './support/expectations.js';
import { inTime, useNode } from './support/node-fixture.js';

/** What a client has of its VF: none of it may change while the forwarder is replaced. */
async function holding(client: SimulatedClient) {
  const { links, routes, rules } = await client.look(inTime());
  return { link: links.find((link) => link.name === 'nsm-1'), routes, rules };
}

describe('the successor of a daemon', () => {
  const fixture = useNode();

  for (const signal of ['SIGTERM', 'SIGKILL'] as const) {
    it(`R1, R2: after ${signal} keeps every VF with its client: the healed request gets the same one, untouched`, async () => {
      const { node } = fixture;
      using client = await fixture.client();
      const before = await stateOf(node, client);
      const answer = await client.request({ token: fixture.token() });
      const held = await holding(client);
      await node.daemon.stop(signal);
      expect(await holding(client)).to.deep.equal(held);
      await node.startDaemon(inTime());
      expect(await holding(client)).to.deep.equal(held);
      const healed = await client.request({ token: fixture.token() });
      expect(healed.mechanism?.parameters['pciAddress']).to.equal(answer.mechanism?.parameters['pciAddress']);
      expect(await holding(client)).to.deep.equal(held);
      using other = await fixture.client();
      const second = await other.request({ token: fixture.token(1) });
      expect(second.mechanism?.parameters['pciAddress']).not.to.equal(answer.mechanism?.parameters['pciAddress']);
      await other.close();
      await client.close();
      expect(await stateOf(node, client)).to.deep.equal(before);
    });
  }

  it('takes a VF home under its own name whose pod died while no daemon was there', async () => {
    const { node } = fixture;
    const client = await fixture.client();
    const answer = await client.request({ token: fixture.token(), interfaceName: 'nsm-7' });
    const vf = answer.mechanism?.parameters['pciAddress'] ?? '';
    expect(await node.daemon.stop('SIGKILL')).to.deep.equal({ code: null, signal: 'SIGKILL' });
    expect((await linkOf(client, 'nsm-7')).up).to.equal(true);
    client[Symbol.dispose]();
    await node.hardware.quiet();
    expect(await node.hardware.atHome(vf)).to.deep.include({ name: 'nsm-7', up: false });
    await node.startDaemon(inTime());
    expect(await node.hardware.atHome(vf)).to.deep.include({ name: node.hardware.port(vf).name, up: false });
    expect(await node.hardware.homecomers()).to.equal(node.hardware.ports.length);
  });

  it('closes what its predecessor made, though no request came between', async () => {
    const { node } = fixture;
    using client = await fixture.client();
    const before = await stateOf(node, client);
    await client.request({ token: fixture.token() });
    await node.daemon.stop('SIGKILL');
    await node.startDaemon(inTime());
    await client.close();
    expect(await stateOf(node, client)).to.deep.equal(before);
  });

  it('says what it found, also to those who ask later (--last-start)', async () => {
    const { node } = fixture;
    using client = await fixture.client();
    const answer = await client.request({ token: fixture.token() });
    await node.daemon.stop('SIGKILL');
    await node.startDaemon(inTime());
    const text = execFileSync(process.execPath, ['--import', 'tsx', 'src/start.cts', '--last-start'], {
      env: {
        PATH: process.env['PATH'],
        NSM_STATE_DIR: join(node.folder, 'state'),
        SPIFFE_ENDPOINT_SOCKET: 'unix:///nobody/is/asked.sock',
      },
      encoding: 'utf8',
    });
    expect(text).to.include('journal intact: 1 connections taken over, 0 VFs in quarantine');
    expect(text).to.include(`(${answer.mechanism?.parameters['pciAddress']}): kept`);
    await client.close();
  });
});
