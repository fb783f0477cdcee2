import { expect } from 'chai';
import { parseMac } from '../../src/ports/ip.js';
import { parsePciAddress } from '../../src/ports/pci-address.js';
import { effects, inNamespace, messageOf, oneClient } from '../forwarder/one-client.js';
import { addresses } from '../forwarder/simulated-endpoint.js';
import { iavf, igb, plainDriver } from '../sim/driver-quirks.js';

const ipContext = addresses('10.0.0.1/32', '10.0.0.2/32');
const mac = '02:00:00:00:00:01';
const ethernetContext = { srcMac: mac, dstMac: '', vlanTag: 100 };
const vf = parsePciAddress('0000:01:10.0');
const { signal } = new AbortController();

describe('delivery and its way back, by driver', () => {
  it('B24: igbvf is bound anew after its PF has set a MAC, and again when it is taken off', async () => {
    const { world, wish, untouched } = await oneClient({ pf: { quirks: igb } });
    world.endpoint.context = { ipContext, ethernetContext };
    const answer = await world.connect(wish);
    const drivers = () => effects(world).filter((call) => call.startsWith('pci.'));
    expect(drivers()).to.deep.equal([`pci.unbind ${vf}`, `pci.bind ${vf} igbvf`]);
    expect(inNamespace(world)).to.include(`nsm-1 of ${vf} ${mac}`);
    await world.close(answer, wish);
    expect(drivers().slice(2)).to.deep.equal([`pci.unbind ${vf}`, `pci.reset ${vf}`, `pci.bind ${vf} igbvf`]);
    expect(world.state()).to.equal(untouched);
  });

  it('a VLAN alone costs no binding', async () => {
    const { world, wish } = await oneClient({ pf: { quirks: igb } });
    world.endpoint.context = { ipContext, ethernetContext: { ...ethernetContext, srcMac: '' } };
    await world.connect(wish);
    expect(effects(world).filter((call) => call.startsWith('pci.'))).to.deep.equal([]);
    expect(world.node.snapshot()).to.include('vlan=100');
  });

  it("B25: a MAC that an administrator had set is put back, one that igb only shows as the VF's own is not", async () => {
    const { world, wish } = await oneClient({ pf: { quirks: igb } });
    const { links } = world.node.namespaces.home;
    const pf = await links.find({ name: 'pf0' }, signal);
    const administered = { mac: parseMac('02:00:00:00:00:aa'), vlan: 9, qos: 3 };
    await links.changeVf(pf?.index ?? 0, 0, administered, signal);
    await world.node.bus.unbind(vf, signal);
    await world.node.bus.bind(vf, 'igbvf', signal);
    const before = world.state();
    expect(before).to.include('mac=02:00:00:00:00:aa, vlan=9, qos=3');
    world.endpoint.context = { ipContext, ethernetContext };
    await world.close(await world.connect(wish), wish);
    expect(world.state()).to.equal(before);
  });

  it('waits for the netdev of a driver that registers it late', async () => {
    const { world, wish, untouched } = await oneClient({
      pf: { quirks: iavf, driver: 'ice', vfDriver: 'iavf', autoprobe: false },
    });
    world.endpoint.context = { ipContext, ethernetContext };
    const answer = await world.connect(wish);
    expect(inNamespace(world)).to.include(`nsm-1 of ${vf} ${mac}`);
    await world.close(answer, wish);
    expect(world.state()).to.equal(untouched);
  });

  it('R1: says at once where it looked when the VF sits in another namespace', async () => {
    const { world, wish } = await oneClient();
    world.node.addNamespace('/sim/ns/pod-of-yesterday');
    using elsewhere = world.node.namespaces.open('/sim/ns/pod-of-yesterday');
    const { links } = world.node.namespaces.home;
    await links.move((await links.find({ name: 'eth0' }, signal))?.index ?? 0, elsewhere, 'eth0', signal);
    const before = world.state();
    expect(await messageOf(world.connect(wish))).to.equal(
      `${vf} has no netdev in the home namespace: driver igbvf made none, or it sits in another namespace`,
    );
    expect(world.state()).to.equal(before);
  });

  it('binds the right driver to a VF that has another, and gives that back', async () => {
    const { world, wish } = await oneClient();
    await world.node.bus.bind(vf, 'vfio-pci', signal);
    const before = world.state();
    const answer = await world.connect(wish);
    expect(inNamespace(world)).to.include(`nsm-1 of ${vf}`);
    await world.close(answer, wish);
    expect(world.state()).to.equal(before);
  });

  it('B22: a VF that cannot be unbound holds up nobody else', async () => {
    const { world, wish, tokens } = await oneClient();
    await world.node.bus.bind(vf, 'vfio-pci', signal);
    using _user = world.node.others.useDevice(vf);
    const stuck = world.forwarder.request(world.firstRequest('U1', wish), { caller: world.caller(wish), signal });
    const other = { token: tokens[1] ?? wish.token, interfaceName: 'nsm-2' };
    const answer = await world.connect(other, 'U2');
    expect(answer.mechanism?.parameters['pciAddress']).to.equal('0000:01:10.2');
    expect(await Promise.race([stuck, Promise.resolve('still waiting')])).to.equal('still waiting');
  });

  it('needs no netdev of the PF unless there is something to set through it', async () => {
    const { world, wish, untouched } = await oneClient({ pf: { quirks: plainDriver } });
    world.node.others.changeLink('home', 'pf0', { name: 'away' });
    world.node.addNamespace('/sim/ns/elsewhere');
    using elsewhere = world.node.namespaces.open('/sim/ns/elsewhere');
    const { links } = world.node.namespaces.home;
    const pf = await links.find({ name: 'away' }, signal);
    await links.move(pf?.index ?? 0, elsewhere, 'away', signal);
    const answer = await world.connect(wish);
    expect(inNamespace(world)).to.include(`nsm-1 of ${vf}`);
    await world.close(answer, wish);
    world.endpoint.context = { ipContext, ethernetContext };
    expect(await messageOf(world.connect(wish))).to.include('0000:01:00.0 has no netdev in the home namespace');
    expect(world.forwarder.quarantined()).to.deep.equal([]);
    expect(untouched).to.include('pf0');
  });

  it('P6: sets through the uplink of a PF that shows representors beside it', async () => {
    const { world, wish } = await oneClient({ pf: { quirks: plainDriver, driver: 'mlx5_core', vfDriver: 'mlx5' } });
    world.node.others.addPort('0000:01:00.0', { name: 'a-rep', physPortName: 'pf0vf0' });
    world.endpoint.context = { ipContext, ethernetContext };
    await world.connect(wish);
    expect(effects(world).find((call) => call.startsWith('links.changeVf'))).to.match(/ pf0 vf 0 /);
  });
});

describe('the name at home', () => {
  it('is given back, also when the client renamed the netdev', async () => {
    const { world, wish, untouched } = await oneClient();
    const answer = await world.connect(wish);
    world.node.others.changeLink('/sim/ns/client', 'nsm-1', { name: 'pf0' });
    await world.close(answer, wish);
    expect(world.state()).to.equal(untouched);
  });

  it('stays the travel name, which tells whose it is, when somebody else has taken it meanwhile', async () => {
    const { world, wish, untouched } = await oneClient();
    const answer = await world.connect(wish);
    world.node.others.addLink('home', 'eth0');
    await world.close(answer, wish);
    expect(world.node.snapshot()).to.include(`vf000001100 of ${vf}`).and.include('  eth0 02:');
    expect(world.forwarder.quarantined()).to.deep.equal([]);
    world.node.others.removeLink('home', 'eth0');
    const again = await world.connect(wish);
    expect(inNamespace(world)).to.include(`nsm-1 of ${vf}`);
    await world.close(again, wish);
    expect(world.state()).to.equal(
      untouched
        .replace(/^ {2}eth0 (of .*)\n/m, '')
        .replace(
          'namespace /sim/ns/client',
          `  vf000001100 of ${vf} 02:5a:11:3c:6e:f3 mtu 1500 down\nnamespace /sim/ns/client`,
        ),
    );
  });

  it('makes way for its own alternative name', async () => {
    const { world, wish } = await oneClient();
    world.node.others.addAltName('home', 'eth0', 'nsm-1');
    const answer = await world.connect(wish);
    expect(inNamespace(world)).to.match(/^ {2}nsm-1 of 0000:01:10\.0 \S+ mtu 1500 up\n/);
    await world.close(answer, wish);
    expect(world.node.snapshot()).to.include(`  eth0 of ${vf}`);
  });

  it('is taken even if udev gives it to the netdev as an alternative name on its way home', async () => {
    const { world, wish, untouched } = await oneClient();
    const answer = await world.connect(wish);
    world.node.others.addAltName('/sim/ns/client', 'nsm-1', 'eth0');
    await world.close(answer, wish);
    expect(world.state()).to.equal(untouched);
  });
});
