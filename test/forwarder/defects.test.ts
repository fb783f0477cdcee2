import { expect } from 'chai';
import { kindOf } from './kind-of.js';
import { oneClient } from './one-client.js';
import { addresses } from './simulated-endpoint.js';
import { addClient, SimulatedForwarder } from './simulated-forwarder.js';

describe('defects that a single step can have', () => {
  it("B11: a VF is served while another one of its IOMMU group is in a client's namespace", async () => {
    const world = await SimulatedForwarder.create({ pf: { iommu: 'vfs-together' } });
    addClient(world, '/sim/ns/a');
    addClient(world, '/sim/ns/b');
    for (const [i, token] of world.allocate(2).entries()) {
      const wish = { token, namespace: i === 0 ? '/sim/ns/a' : '/sim/ns/b' };
      expect(await kindOf(world.request(world.firstRequest(`U${i}`, wish), wish))).to.equal('ok');
    }
  });

  it('L6: a rule that the kernel refuses takes the connection back at the endpoint too', async () => {
    const { world, wish, untouched } = await oneClient();
    const policy = { from: '10.0.0.1/32', proto: '6', dstPort: '80', srcPort: '', routes: [] };
    world.endpoint.context = { ipContext: addresses('10.0.0.1/32', '10.0.0.2/32', { policies: [policy] }) };
    world.node.faults.failNext('addressing.add /sim/ns/client rule', 'before', 'denied');
    expect(await kindOf(world.request(world.firstRequest('U1', wish), wish))).to.equal('denied');
    expect(world.node.faults.pending).to.equal(0);
    expect(world.state()).to.equal(untouched);
  });

  it('K2: a connection with payload IP is served, with nothing known of the link at the other end', async () => {
    const { world, wish } = await oneClient();
    const request = world.firstRequest('U1', wish);
    if (request.connection !== undefined) request.connection.payload = 'IP';
    expect(await kindOf(world.request(request, wish))).to.equal('ok');
  });
});
