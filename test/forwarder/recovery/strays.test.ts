import { expect } from 'chai';
import { igb } from '../../sim/driver-quirks.js';
import { kindOf } from '../kind-of.js';
import { effects, inNamespace, messageOf, type OneClient, oneClient } from '../one-client.js';
import { addresses } from '../simulated-endpoint.js';

const vf = '0000:01:10.0';
const mac = '02:00:00:00:00:01';

/** A client with a VF that is on nobody's record, as after the loss of the journal, or of a Go forwarder. */
async function withoutRecord(options: Parameters<typeof oneClient>[0] = {}) {
  const one = await oneClient({ pf: { quirks: igb }, ...options });
  const { world } = one;
  world.endpoint.context = {
    MTU: 1400,
    ethernetContext: { srcMac: mac, dstMac: '', vlanTag: 100 },
    ipContext: addresses('10.0.0.1/32', '10.0.0.2/32'),
  };
  const answer = await world.connect(one.wish);
  const { journal } = world.node;
  journal.note([...journal.records().keys()].map((key) => ({ key })));
  const report = await world.restart({ auditMs: 10_000, recordsComplete: false });
  world.node.faults.restart();
  return { ...one, answer, report };
}

/** The client's pod ends; what its VF left is seen by the next look. */
async function endPod({ world }: OneClient): Promise<void> {
  world.node.killNamespace('/sim/ns/client');
  await world.node.settled();
  await world.clock.advance(25_000);
}

describe('a VF that is away and on nobody’s record', () => {
  it('is kept from everybody, and its token is unhealthy', async () => {
    const { world, wish, tokens, report } = await withoutRecord();
    expect(report.strays.map((it) => it.function)).to.deep.equal([vf]);
    expect(report.strays[0]?.reason).to.include('it sits in another namespace');
    world.endpoint.context = { ipContext: addresses('10.0.0.3/32', '10.0.0.4/32') };
    const other = await world.connect({ token: tokens[1] ?? wish.token, interfaceName: 'nsm-2' }, 'U2');
    expect(other.mechanism?.parameters['pciAddress']).to.equal('0000:01:10.2');
    const states = world.pool.tokens('worker.domain/10G').map(({ state }) => state);
    expect(states.filter((it) => it === 'closed')).to.have.lengthOf(1);
  });

  it('is cleaned when it comes home, and only then given out', async () => {
    const one = await withoutRecord();
    const { world } = one;
    expect(world.node.snapshot()).to.include(`mac=${mac}, vlan=100`);
    await endPod(one);
    expect(world.forwarder.strays()).to.deep.equal([]);
    expect(world.node.snapshot()).to.include(`VF 0 ${vf} igbvf in group 2\n`).and.not.include('nsm-1');
    expect(world.node.snapshot())
      .to.match(/eth0 of 0000:01:10\.0 \S+ mtu 1500 down/)
      .and.not.include(mac);
  });

  it('is cleaned below a PF that takes no settings, too: nobody has set any', async () => {
    const one = await withoutRecord();
    const { world } = one;
    using _unsupported = world.node.faults.failEvery('links.readVf', 'before', 'unsupported');
    await endPod(one);
    expect(world.forwarder.strays()).to.deep.equal([]);
  });

  it('stays so while it cannot be cleaned', async () => {
    const one = await withoutRecord();
    const { world } = one;
    const broken = world.node.faults.failEvery('links.changeVf', 'before', 'busy');
    await endPod(one);
    expect(world.forwarder.strays()[0]?.reason).to.match(/^it is at home, but not clean: links\.changeVf/);
    broken[Symbol.dispose]();
    await world.clock.advance(25_000);
    expect(world.forwarder.strays()).to.deep.equal([]);
  });

  for (const call of ['pci.unbind', 'pci.reset', 'pci.bind']) {
    for (const fault of ['crash', 'crash-after'] as const) {
      it(`is cleaned again by the next process when this one ends in the middle of it (${fault} at ${call})`, async () => {
        const one = await withoutRecord();
        const { world } = one;
        world.node.faults.failNext(call, fault);
        await endPod(one);
        expect(world.node.crashes).to.equal(2);
        const { strays } = await world.restart();
        expect(strays).to.deep.equal([]);
        expect(world.node.snapshot()).to.include(`VF 0 ${vf} igbvf in group 2\n`);
        expect(world.node.snapshot()).to.match(/eth0 of 0000:01:10\.0 \S+ mtu 1500 down/);
      });
    }
  }

  it('is known to the next process, and cleaned when it came home meanwhile', async () => {
    const { world } = await withoutRecord();
    world.node.crash();
    world.node.killNamespace('/sim/ns/client');
    await world.node.settled();
    const { strays } = await world.restart();
    expect(strays).to.deep.equal([]);
    expect(world.node.snapshot()).to.include(`VF 0 ${vf} igbvf in group 2\n`).and.not.include('nsm-1');
    expect([...world.node.journal.records().keys()]).to.deep.equal([]);
  });

  it('with nothing to be reset comes back under the name that tells whose it is', async () => {
    const one = await withoutRecord({ resetVfs: false });
    await endPod(one);
    expect(one.world.node.snapshot()).to.include(`VF 0 ${vf} igbvf in group 2\n`);
    expect(one.world.node.snapshot()).to.match(/vf000001100 of 0000:01:10\.0 \S+ mtu 1400 down/);
  });

  it('R2: is the client’s again when it names it and shows the namespace that holds it, untouched', async () => {
    const { world, wish, answer } = await withoutRecord();
    const before = inNamespace(world);
    const again = await world.refresh(answer, wish);
    expect(again.mechanism?.parameters['pciAddress']).to.equal(vf);
    const touched = effects(world).filter((call) => !/^(caller|namespaces)\./.test(call));
    expect(touched).to.deep.equal(['nextHops.request unix:///run/endpoint.sock']);
    expect(inNamespace(world)).to.equal(before);
    expect(world.forwarder.strays()).to.deep.equal([]);
    await world.close(again, wish);
    expect(world.node.snapshot()).to.include(`VF 0 ${vf} igbvf in group 2\n`).and.not.include(mac);
    expect(world.pool.functions().every(({ use }) => use.kind === 'free')).to.equal(true);
  });

  it('is the client’s again when it asks for the interface that is the VF’s', async () => {
    const { world, wish } = await withoutRecord();
    const again = await world.connect(wish);
    expect(again.mechanism?.parameters['pciAddress']).to.equal(vf);
    await world.close(again, wish);
    expect(inNamespace(world)).not.to.include('nsm-1');
  });

  it('is refused to a client whose namespace does not hold it', async () => {
    const { world, wish, answer } = await withoutRecord();
    world.node.addNamespace('/sim/ns/thief');
    using thief = world.node.namespaces.open('/sim/ns/thief');
    const { mechanism } = answer;
    if (mechanism === undefined) throw new Error('no mechanism');
    const parameters = { ...mechanism.parameters, inodeURL: `inode://${thief.id}` };
    const stolen = { ...answer, mechanism: { ...mechanism, parameters } };
    expect(await kindOf(world.refresh(stolen, { ...wish, namespace: '/sim/ns/thief' }))).to.equal('refused');
    expect(world.forwarder.strays().map((it) => it.function)).to.deep.equal([vf]);
  });

  it('stays where it is, a stray, when the next hop refuses or the Request fails in any other way', async () => {
    const { world, wish, answer } = await withoutRecord();
    const before = inNamespace(world);
    for (const call of ['nextHops.request', 'journal.write entry', 'links.readVf', 'links.find /sim/ns/client']) {
      world.node.faults.failNext(call, 'before', 'refused');
      expect(await kindOf(world.refresh(answer, wish)), call).not.to.equal('ok');
      expect(
        world.forwarder.strays().map((it) => it.function),
        call,
      ).to.deep.equal([vf]);
      expect(inNamespace(world), call).to.equal(before);
      expect(world.node.openHandles(), call).to.equal(0);
    }
    expect(await messageOf(world.refresh(answer, wish))).to.equal('ok');
  });

  it('or cannot be looked at is kept from everybody until it can, and stops nothing else', async () => {
    const { world, wish, tokens, untouched } = await oneClient({ auditMs: 10_000 });
    const broken = world.node.faults.failEvery(`pci.facts ${vf}`, 'before', 'denied');
    await world.clock.advance(25_000);
    expect(world.forwarder.strays().map((it) => it.function)).to.deep.equal([vf]);
    expect(world.forwarder.strays()[0]?.reason).to.match(/^pci\.facts/);
    const other = { ...wish, token: tokens[1] ?? wish.token };
    await world.close(await world.connect(other, 'U2'), other);
    broken[Symbol.dispose]();
    await world.clock.advance(25_000);
    expect(world.forwarder.strays()).to.deep.equal([]);
    expect(world.state().replace(/^ {2}\S+ (of 0000:01:10\.0) \S+/m, '  eth0 $1')).to.equal(
      untouched.replace(/^ {2}\S+ (of 0000:01:10\.0) \S+/m, '  eth0 $1'),
    );
  });
});
