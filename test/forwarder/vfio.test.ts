import { expect } from 'chai';
import { igb } from '../sim/driver-quirks.js';
import { kindOf } from './kind-of.js';
import { changedWish, effects, messageOf } from './one-client.js';
import { canOpen, cgroupDir, devicesOf, onePod, otherPodUid, podUid, usual } from './one-pod.js';

const vf = '0000:01:10.0';
const onlyNextHop = ['nextHops.request unix:///run/endpoint.sock'];

for (const cgroups of [1, 2] as const) {
  describe(`VFIO (cgroup v${cgroups})`, () => {
    it('B2, S1: answers with the numbers of the device, lets exactly the pod open it, and takes it back whole', async () => {
      const { world, wish, untouched } = await onePod({ cgroups });
      world.node.pods.add(otherPodUid);
      const before = world.state();
      const answer = await world.connect(wish);
      expect(answer.mechanism).to.deep.include({ cls: 'LOCAL', type: 'VFIO' });
      const { deviceMinor, ...parameters } = answer.mechanism?.parameters ?? {};
      expect(parameters).to.deep.include({
        cgroupDir,
        tokenID: wish.token,
        pciAddress: vf,
        iommuGroup: '2',
        vfioMajor: '10',
        vfioMinor: '196',
        deviceMajor: '245',
      });
      expect(deviceMinor).to.match(/^\d+$/);
      expect([canOpen(world, answer), canOpen(world, answer, { pod: otherPodUid })]).to.deep.equal([true, false]);
      expect(world.node.snapshot()).to.include(`${vf} vfio-pci`);
      await world.close(answer, wish);
      expect([canOpen(world, answer), world.node.pods.mayOpen(podUid, 'main', usual)]).to.deep.equal([false, false]);
      expect(world.state()).to.equal(before);
      expect(before).to.include(untouched.split('\n')[0] ?? '');
    });

    it('a refresh with nothing new changes nothing, and answers the same', async () => {
      const { world, wish, untouched } = await onePod({ cgroups });
      const answer = await world.connect(wish);
      const before = world.state();
      world.node.faults.restart();
      const again = await world.refresh(answer, wish);
      expect(again.mechanism).to.deep.equal(answer.mechanism);
      expect(effects(world)).to.deep.equal(onlyNextHop);
      expect(world.state()).to.equal(before);
      await world.close(again, wish);
      expect(world.state()).to.equal(untouched);
    });

    it('S2, B2: what a peer makes of device numbers and of its VF in a refresh or a Close is never believed', async () => {
      const { world, wish, untouched } = await onePod({ cgroups });
      const answer = await world.connect(wish);
      const before = world.state();
      const forged = structuredClone(answer);
      Object.assign(forged.mechanism?.parameters ?? {}, {
        deviceMajor: '8',
        deviceMinor: '0',
        vfioMajor: '1',
        vfioMinor: '1',
        iommuGroup: 'not a number',
        pciAddress: '0000:01:10.6',
      });
      const again = await world.refresh(forged, wish);
      expect(again.mechanism).to.deep.equal(answer.mechanism);
      expect(world.state()).to.equal(before);
      await world.close(forged, wish);
      for (const device of [{ major: 8, minor: 0 }, { major: 1, minor: 1 }, devicesOf(answer).device]) {
        expect(world.node.pods.mayOpen(podUid, 'main', device)).to.equal(false);
      }
      expect(world.state()).to.equal(untouched);
    });

    it('B24: sets MAC and VLAN through the PF before the client can open the device, and as asked on each refresh', async () => {
      const { world, wish, untouched } = await onePod({ cgroups, pf: { quirks: igb } });
      const settings = (srcMac: string, vlanTag: number) => {
        world.endpoint.context = { ethernetContext: { srcMac, dstMac: '', vlanTag } };
      };
      settings('02:00:00:00:00:01', 100);
      let answer = await world.connect(wish);
      const { calls } = world.node.faults;
      const at = (what: string) => calls.findIndex((call) => call.startsWith(what));
      expect(at('links.changeVf')).to.be.greaterThan(0).and.lessThan(at('access.grant'));
      expect(world.node.snapshot()).to.include('mac=02:00:00:00:00:01, vlan=100');
      settings('02:00:00:00:00:02', 200);
      answer = await world.refresh(answer, wish);
      expect(world.node.snapshot()).to.include('mac=02:00:00:00:00:02, vlan=200');
      settings('02:00:00:00:00:02', 0);
      answer = await world.refresh(answer, wish);
      expect(world.node.snapshot()).to.include('mac=02:00:00:00:00:02\n');
      world.endpoint.context = { ethernetContext: undefined };
      answer = await world.refresh(answer, wish);
      expect(world.node.snapshot()).not.to.include('mac=02:00:00:00:00:02');
      expect(canOpen(world, answer)).to.equal(true);
      await world.close(answer, wish);
      expect(world.state()).to.equal(untouched);
    });

    it('C1, B33: serves a client that cannot tell its cgroup', async () => {
      for (const parameters of [{}, { cgroupDir: '*' }, { cgroupDir: '/' }]) {
        const { world, wish, untouched } = await onePod({ cgroups });
        const answer = await world.connect({ ...wish, parameters });
        expect(canOpen(world, answer)).to.equal(true);
        await world.close(answer, wish);
        expect(world.state()).to.equal(untouched);
      }
    });

    it('two connections of a pod share what both need until the last ends', async () => {
      const { world, wish, tokens, untouched } = await onePod({ cgroups });
      const other = { ...wish, token: tokens[1] ?? wish.token };
      const [first, second] = [await world.connect(wish), await world.connect(other, 'U2')];
      await world.close(first, wish);
      expect([canOpen(world, first), canOpen(world, second)]).to.deep.equal([false, true]);
      await world.close(second, other);
      expect(world.state()).to.equal(untouched);
    });
  });
}

describe('VFIO: what cannot be served costs nothing, and says why', () => {
  const forged = [
    ['../../..', 'invalid'],
    [`kubepods/burstable/pod${podUid}/../../*`, 'invalid'],
    ['kubepods/*/x', 'invalid'],
    [`kubepods/burstable/pod${otherPodUid}/*`, 'refused'],
    ['user.slice/*', 'refused'],
  ] as const;
  for (const [dir, kind] of forged) {
    it(`S3: refuses cgroupDir ${dir}`, async () => {
      const { world, wish } = await onePod();
      world.node.pods.add(otherPodUid);
      const before = world.state();
      const forging = { ...wish, parameters: { cgroupDir: dir } };
      expect(await kindOf(world.connect(forging))).to.equal(kind);
      expect(world.state()).to.equal(before);
      expect(world.endpoint.requests).to.deep.equal([]);
    });
  }

  it('S3: a refresh into the cgroup of another pod is refused, and the connection lives on', async () => {
    const { world, wish, untouched } = await onePod();
    const answer = await world.connect(wish);
    const before = world.state();
    const forging = { ...wish, parameters: { cgroupDir: `kubepods/burstable/pod${otherPodUid}/*` } };
    expect(await kindOf(world.request(changedWish(answer, forging), forging))).to.equal('refused');
    expect(world.state()).to.equal(before);
    await world.close(await world.refresh(answer, wish), wish);
    expect(world.state()).to.equal(untouched);
  });

  it('S4: a token serves its pod whoever shows it: nobody else gets access by it', async () => {
    const { world, wish } = await onePod();
    world.node.pods.add(otherPodUid);
    const thief = { ...wish, parameters: {}, namespace: '/sim/ns/client' };
    const answer = await world.connect(thief, 'thief');
    expect([canOpen(world, answer), canOpen(world, answer, { pod: otherPodUid })]).to.deep.equal([true, false]);
  });

  it('a token that no pod has is refused, with the setting that would trust the client where nobody can say', async () => {
    const { world, wish, untouched } = await onePod();
    world.node.faults.failNext('owners.holderOf', 'before', 'unavailable');
    const message = await messageOf(world.connect(wish));
    expect(message).to.include('NSM_VFIO_UNKNOWN_OWNER=trust-client').and.include(wish.token);
    expect(world.state()).to.equal(untouched);
    world.node.faults.failNext('owners.holderOf', 'before', 'not-found');
    expect(await messageOf(world.connect(wish))).not.to.include('trust-client');
    expect(world.state()).to.equal(untouched);
  });

  it("takes the client's word for its pod where that is set, and only for a pod's own cgroup", async () => {
    const { world, wish, untouched } = await onePod({ vfio: { unknownOwner: 'trust-client' } });
    using _away = world.node.faults.failEvery('owners.holderOf', 'before', 'unavailable');
    const answer = await world.connect(wish);
    expect(canOpen(world, answer)).to.equal(true);
    await world.close(answer, wish);
    for (const parameters of [{}, { cgroupDir: 'kubepods/*' }, { cgroupDir: 'system.slice/*' }]) {
      expect(await kindOf(world.connect({ ...wish, parameters }))).to.equal('refused');
    }
    expect(world.state()).to.equal(untouched);
  });

  it('says which module to load where vfio-pci is missing', async () => {
    const { world, wish, untouched } = await onePod({ drivers: [] });
    expect(await messageOf(world.connect(wish))).to.include('modprobe vfio-pci');
    expect(world.state()).to.equal(untouched);
    expect(world.endpoint.requests).to.deep.equal([]);
  });

  it('B10, P2: refuses a group with the PF in it, and leaves the PF alone', async () => {
    const { world, wish, untouched } = await onePod({ pf: { iommu: 'with-pf' } });
    expect(await messageOf(world.connect(wish))).to.match(/IOMMU group|PF/);
    expect(world.state()).to.equal(untouched);
  });

  it('a PF that refuses the MAC that was asked for is an error, and nothing is left', async () => {
    const { world, wish, untouched } = await onePod();
    world.endpoint.context = { ethernetContext: { srcMac: '02:00:00:00:00:01', dstMac: '', vlanTag: 100 } };
    world.node.faults.failNext('links.changeVf', 'before', 'unsupported');
    expect(await kindOf(world.connect(wish))).to.equal('unsupported');
    expect(world.state()).to.equal(untouched);
  });

  it('B12, P5: a binding that the kernel has not done is an error, whatever the write returned', async () => {
    const { world, wish, untouched } = await onePod();
    world.node.faults.failNext('pci.bind', 'before', 'unsupported');
    expect(await kindOf(world.connect(wish))).to.equal('unsupported');
    expect(world.state()).to.equal(untouched);
  });

  it('C3: a pod whose cgroup vanishes between check and write gets an error, and nothing is left', async () => {
    const { world, wish, untouched } = await onePod();
    using _vanished = world.node.faults.failEvery('access.grant', 'before', 'not-found');
    expect(await kindOf(world.connect(wish))).to.equal('not-found');
    expect(world.state()).to.equal(untouched);
  });

  it('a message without a token is refused', async () => {
    const { world, wish, untouched } = await onePod();
    const without = { ...wish, parameters: { ...wish.parameters, tokenID: '' } };
    expect(await messageOf(world.connect(without))).to.include('tokenID');
    expect(world.state()).to.equal(untouched);
  });
});
