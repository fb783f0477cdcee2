import { expect } from 'chai';
import { findNetdev, type NetdevIdentity } from '../../src/mechanism/kernel/netdev-identity.js';
import { parseMac } from '../../src/ports/ip.js';
import { parsePciAddress } from '../../src/ports/pci-address.js';
import { SimNode } from '../sim/node.js';

const { signal } = new AbortController();
const vf = parsePciAddress('0000:01:10.0');
const names = ['travelling', 'nsm-1'];

/** A node with one VF, whose netdev is `eth0` at home. */
async function node(simulatedVfs: boolean) {
  const sim = new SimNode({ pfs: [{ address: '0000:01:00.0', name: 'pf0', vfs: 2 }], simulatedVfs });
  const { links } = sim.namespaces.home;
  const link = await links.find({ name: 'eth0' }, signal);
  if (link === undefined || link.mac === '') throw new Error('no netdev');
  const identity: NetdevIdentity = {
    function: vf,
    index: link.index,
    macs: [link.mac],
    names,
    parented: !simulatedVfs,
  };
  return { sim, links, link, identity };
}

describe('findNetdev', () => {
  it('B20: knows hardware by the function behind it, whatever its name, index and MAC', async () => {
    const { sim, links, identity } = await node(false);
    const mac = parseMac('02:00:00:00:00:77');
    sim.others.changeLink('home', 'eth0', { name: 'renamed', mac });
    const moved = { ...identity, index: 99 };
    expect(await findNetdev(links, moved, signal)).to.deep.include({ name: 'renamed', mac });
  });

  it('takes no other netdev for it, at the same index or under the same name', async () => {
    const { sim, links, identity, link } = await node(false);
    const other = { ...identity, function: parsePciAddress('0000:01:10.6'), index: link.index };
    sim.others.changeLink('home', 'eth0', { name: 'nsm-1' });
    expect(await findNetdev(links, other, signal)).to.equal(undefined);
  });

  it('takes no link of a client for hardware, even with its name and MAC', async () => {
    const { sim, identity, link } = await node(false);
    sim.addNamespace('/sim/ns/a');
    sim.others.addLink('/sim/ns/a', 'nsm-1');
    sim.others.changeLink('/sim/ns/a', 'nsm-1', { mac: parseMac(link.mac) });
    using client = sim.namespaces.open('/sim/ns/a');
    expect(await findNetdev(client.links, identity, signal)).to.equal(undefined);
  });

  it('knows a simulated VF by its MAC at the index on record', async () => {
    const { sim, links, identity, link } = await node(true);
    sim.others.changeLink('home', 'eth0', { name: 'renamed' });
    expect(await findNetdev(links, identity, signal)).to.deep.include({
      index: link.index,
      name: 'renamed',
    });
    sim.others.changeLink('home', 'renamed', { mac: parseMac('02:00:00:00:00:77') });
    expect(await findNetdev(links, identity, signal)).to.equal(undefined);
  });

  it('knows a simulated VF by its MAC under a name that it may have, when its index has changed', async () => {
    const { sim, links, identity } = await node(true);
    sim.others.changeLink('home', 'eth0', { name: 'travelling' });
    const moved = { ...identity, index: 99 };
    expect(await findNetdev(links, moved, signal)).to.deep.include({ name: 'travelling' });
    expect(await findNetdev(links, { ...moved, names: [] }, signal)).to.equal(undefined);
  });
});
