import { expect } from 'chai';
import { parseMac } from '../../src/ports/ip.js';
import { failing, linkOf, moveByName, never } from './expectations.js';
import { SimNode } from './node.js';

const vf0 = '0000:01:10.0';

describe('the life of a simulated namespace', () => {
  let node: SimNode;

  beforeEach(() => {
    node = new SimNode({ pfs: [{ address: '0000:01:00.0', name: 'pf0', vfs: 2 }] });
    node.addNamespace('/sim/ns/a');
  });

  const enter = async (name = 'nsm-1') => {
    const client = node.namespaces.open('/sim/ns/a');
    await moveByName(node.namespaces.home, client, ['eth0', name]);
    return client;
  };

  it('lasts as long as the client or an open handle', async () => {
    const client = await enter();
    const second = node.namespaces.open('/sim/ns/a');
    node.killNamespace('/sim/ns/a');
    client[Symbol.dispose]();
    await node.settled();
    expect(await linkOf(second, 'nsm-1')).to.include({ parent: vf0 });
    expect(await node.namespaces.home.links.find({ parent: vf0 as never }, never)).to.equal(undefined);
    second[Symbol.dispose]();
    await node.settled();
    expect(await linkOf(node.namespaces.home, 'nsm-1')).to.include({ parent: vf0 });
  });

  it('ends some time after its last user left, and sends VFs home: down, name, MAC and MTU kept', async () => {
    const client = await enter();
    const { index } = await linkOf(client, 'nsm-1');
    const mac = parseMac('02:00:00:00:00:07');
    await client.links.change(index, { mac, mtu: 1400, up: true }, never);
    await client.addressing.add([{ kind: 'address', index, cidr: '10.0.0.1/24' }], never);
    node.killNamespace('/sim/ns/a');
    client[Symbol.dispose]();
    expect(node.snapshot()).to.include('namespace /sim/ns/a\n  nsm-1');
    await node.settled();
    expect(node.snapshot()).not.to.include('/sim/ns/a');
    expect(node.snapshot()).not.to.include('10.0.0.1');
    expect(await linkOf(node.namespaces.home, 'nsm-1')).to.include({ mac, mtu: 1400, up: false });
  });

  it('sends a VF home as dev<index> when its name is taken there', async () => {
    const client = await enter();
    const { index } = await linkOf(client, 'nsm-1');
    node.others.addLink('home', 'nsm-1');
    client[Symbol.dispose]();
    node.killNamespace('/sim/ns/a');
    await node.settled();
    expect(await linkOf(node.namespaces.home, `dev${index}`)).to.include({ parent: vf0 });
  });

  it('drops alternative names that clash at home, and no others', async () => {
    node.others.addAltName('home', 'eth0', 'mine');
    node.others.addAltName('home', 'eth0', 'shared');
    const client = await enter();
    node.others.addLink('home', 'shared');
    client[Symbol.dispose]();
    node.killNamespace('/sim/ns/a');
    await node.settled();
    expect((await linkOf(node.namespaces.home, 'nsm-1')).altNames).to.deep.equal(['mine']);
  });

  it('takes virtual links and rules down with it', async () => {
    node.others.addLink('/sim/ns/a', 'eth0');
    node.others.addIp('/sim/ns/a', 'eth0', { kind: 'rule', family: 4, priority: 9, table: 9 });
    const before = node.snapshot();
    expect(before).to.include('rule 9 of IPv4 table 9 (not ours)');
    node.killNamespace('/sim/ns/a');
    await node.settled();
    expect(node.snapshot()).to.equal(before.slice(0, before.indexOf('namespace /sim/ns/a')));
  });

  it('is another one when its path is used again', async () => {
    using old = node.namespaces.open('/sim/ns/a');
    node.killNamespace('/sim/ns/a');
    expect(() => node.namespaces.open('/sim/ns/a')).to.throw('ENOENT');
    node.addNamespace('/sim/ns/a');
    using renewed = node.namespaces.open('/sim/ns/a');
    expect(renewed.id).not.to.equal(old.id);
  });

  it('counts open handles, each once', () => {
    const [first, second] = [node.namespaces.open('/sim/ns/a'), node.namespaces.open('/sim/ns/a')];
    expect(node.openHandles()).to.equal(2);
    first[Symbol.dispose]();
    first[Symbol.dispose]();
    expect(node.openHandles()).to.equal(1);
    second[Symbol.dispose]();
    expect(node.openHandles()).to.equal(0);
  });

  it('refuses files that are no namespace, and to close home', () => {
    expect(() => node.namespaces.open('/sim/file/x')).to.throw('is not a network namespace');
    expect(() => node.namespaces.home[Symbol.dispose]()).to.throw('its own network namespace');
  });

  it('keeps rules when a VF leaves, and nothing else of it', async () => {
    const client = await enter();
    const { index } = await linkOf(client, 'nsm-1');
    await client.links.change(index, { up: true }, never);
    await client.addressing.add(
      [
        { kind: 'route', index, destination: '10.9.0.0/24', table: 7 },
        { kind: 'rule', family: 4, priority: 9, table: 7 },
      ],
      never,
    );
    client.addressing.writeSetting('ipv4/conf/nsm-1/route_localnet', '1');
    await moveByName(client, node.namespaces.home, ['nsm-1', 'eth0']);
    expect(node.snapshot()).to.match(/namespace \/sim\/ns\/a\n {2}rule 9 of IPv4 table 7\n$/);
    client[Symbol.dispose]();
  });

  it('gives a VF a new index where its own is taken', async () => {
    const { index } = await linkOf(node.namespaces.home, 'eth0');
    for (let n = 0; n < index; n += 1) node.others.addLink('/sim/ns/a', `veth${n}`);
    const client = await enter();
    expect((await linkOf(client, 'nsm-1')).index).to.be.greaterThan(index);
    client[Symbol.dispose]();
  });

  it('refuses a VF whose alternative name is taken there, and leaves it at home', async () => {
    node.others.addAltName('home', 'eth0', 'taken');
    node.others.addLink('/sim/ns/a', 'taken');
    const before = node.snapshot();
    await failing('exists', enter());
    expect(node.snapshot()).to.equal(before);
  });

  it('has a VF under its old name when the new one is taken: move and rename are not one step', async () => {
    node.others.addLink('/sim/ns/a', 'nsm-1');
    await failing('exists', enter());
    expect(node.snapshot()).to.include(`namespace /sim/ns/a\n  eth0 of ${vf0}`);
  });

  it('refuses to rename a link that is up on kernels before 6.2', async () => {
    const old = new SimNode({ renameNeedsDown: true });
    old.others.addLink('home', 'vf0');
    const { home } = old.namespaces;
    const { index } = await linkOf(home, 'vf0');
    await home.links.change(index, { up: true }, never);
    await failing('busy', home.links.change(index, { name: 'vf1' }, never));
    await home.links.change(index, { up: false, name: 'vf1' }, never);
  });
});
