import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import type { Access, Cgroup, DeviceAccess, DeviceNumber } from '../../src/ports/device-access.js';
import { parsePodUid } from '../../src/ports/pod-cgroup.js';
import { skipBecause } from '../skip-because.js';
import type { DeviceAccessHarness, DeviceAccessSuite } from './device-access-harness.js';
import { failure, inTime } from './network-harness.js';

/** Nobody else's: another run of the tests may be using the same hierarchy. */
const pod = parsePodUid(randomUUID());
const otherPod = parsePodUid('9f0c3c1e-93a4-4d3b-9c2e-0f1d2a3b4c5e');
/** Allowed to every container. */
const usual: DeviceNumber = { major: 1, minor: 3 };
/** A device that is there (/dev/full), one that is not, and one more that is (/dev/zero). */
const device: DeviceNumber = { major: 1, minor: 7 };
const absent: DeviceNumber = { major: 511, minor: 4 };
const another: DeviceNumber = { major: 1, minor: 5 };

/** The contract of {@link DeviceAccess}: what it says is what processes in the cgroup meet. */
export function describeDeviceAccessContract(suite: DeviceAccessSuite): void {
  describe(`device access of ${suite.name}`, () => {
    let harness: DeviceAccessHarness;
    let access: DeviceAccess;
    let podCgroup: Cgroup;
    let container: Cgroup;

    before(function () {
      if (suite.skip !== undefined) skipBecause(this, suite.skip);
    });
    beforeEach(async () => {
      harness = await suite.create();
      access = harness.access;
      podCgroup = await harness.addPod(pod);
      container = await harness.addContainer(podCgroup, 'one');
    });
    afterEach(() => harness[Symbol.asyncDispose]());

    const reads = (cgroup: Cgroup, ...devices: readonly DeviceNumber[]): Promise<readonly Access[]> =>
      access.read(cgroup, devices, inTime());
    const allowedBy = async (cgroup: Cgroup, ...devices: readonly DeviceNumber[]) =>
      (await reads(cgroup, ...devices)).map((it) => it.allowedBy);
    const grant = (cgroup: Cgroup, ...devices: readonly DeviceNumber[]) => access.grant(cgroup, devices, inTime());
    const revoke = (cgroup: Cgroup, ...devices: readonly DeviceNumber[]) =>
      access.revoke(
        cgroup,
        devices.map((it) => ({ ...it, keep: '' })),
        inTime(),
      );
    const ours = () => (harness.rulesHaveAuthors ? 'us' : 'others');

    it('tells what others allow from what nobody does', async () => {
      expect(await allowedBy(container, usual, device, absent)).to.deep.equal(['others', 'nobody', 'nobody']);
    });

    it('grants a device: processes open it and make its node, which they could not before', async () => {
      expect(await harness.open(container, device)).to.equal('forbidden');
      await grant(container, device);
      expect(await harness.open(container, device)).to.equal('allowed');
      expect(await harness.makeNode(container, device)).to.equal('allowed');
      expect(await allowedBy(container, device)).to.deep.equal([ours()]);
    });

    it('grants by number, whether or not there is such a device', async () => {
      await grant(container, absent);
      expect(await harness.open(container, absent)).to.equal('allowed');
    });

    it('S1, B2: takes a grant back whole: opening and making the node are forbidden again', async () => {
      await grant(container, device);
      await revoke(container, device);
      expect(await harness.open(container, device)).to.equal('forbidden');
      expect(await allowedBy(container, device)).to.deep.equal(['nobody']);
      expect(await reads(container, device)).to.deep.equal([{ allowedBy: 'nobody', keep: '' }]);
    });

    it('grants and takes back several at once, and leaves all others alone', async () => {
      await grant(container, device, absent);
      expect(await allowedBy(container, device, absent, another)).to.deep.equal([ours(), ours(), 'nobody']);
      await revoke(container, device);
      expect(await allowedBy(container, device, absent, usual)).to.deep.equal(['nobody', ours(), 'others']);
      expect(await harness.open(container, usual)).to.equal('allowed');
    });

    it('grants in one cgroup alone', async () => {
      const sibling = await harness.addContainer(podCgroup, 'two');
      await grant(container, device);
      expect(await harness.open(sibling, device)).to.equal('forbidden');
      expect(await allowedBy(sibling, device)).to.deep.equal(['nobody']);
    });

    it('changes nothing when a grant or its end comes twice', async () => {
      await grant(container, device);
      await grant(container, device);
      await revoke(container, device);
      await revoke(container, device);
      expect(await allowedBy(container, device, usual)).to.deep.equal(['nobody', 'others']);
      expect(await harness.open(container, device)).to.equal('forbidden');
    });

    it('takes back what was never granted without a change', async () => {
      const before = await reads(container, usual, device);
      await access.revoke(container, [{ ...usual, keep: before[0]?.keep ?? '' }], inTime());
      await revoke(container, device);
      expect(await reads(container, usual, device)).to.deep.equal(before);
      expect(await harness.open(container, usual)).to.equal('allowed');
    });

    it('leaves as it was what others allow already, when it is granted and when that ends', async () => {
      await harness.updateContainer(container, [device]);
      const [before] = await reads(container, device);
      expect(before?.allowedBy).to.equal('others');
      await grant(container, device);
      await access.revoke(container, [{ ...device, keep: before?.keep ?? '' }], inTime());
      expect(await reads(container, device)).to.deep.equal([before]);
      expect(await harness.open(container, device)).to.equal('allowed');
    });

    it('grants again what a runtime has set anew', async () => {
      await grant(container, device);
      await harness.updateContainer(container);
      expect(await allowedBy(container, device)).to.deep.equal(['nobody']);
      expect(await harness.open(container, device)).to.equal('forbidden');
      await grant(container, device);
      expect(await harness.open(container, device)).to.equal('allowed');
      await revoke(container, device);
      expect(await harness.open(container, device)).to.equal('forbidden');
    });

    it('holds all grants that are asked for at once in one cgroup', async () => {
      await Promise.all([device, absent, another].map((it) => grant(container, it)));
      expect(await allowedBy(container, device, absent, another)).to.deep.equal([ours(), ours(), ours()]);
      await Promise.all([device, absent].map((it) => revoke(container, it)));
      expect(await allowedBy(container, device, absent, another)).to.deep.equal(['nobody', 'nobody', ours()]);
    });

    it('shows its grants where the kernel tells whose they are', async () => {
      const mine = async () =>
        (await access.shownGrants(inTime())).filter(({ cgroup }) => cgroup.path.startsWith(podCgroup.path));
      await grant(container, device, absent);
      const shown = [{ cgroup: container, devices: [device, absent] }];
      expect(await mine()).to.deep.equal(harness.rulesHaveAuthors ? shown : []);
      await revoke(container, device, absent);
      expect(await mine()).to.deep.equal([]);
    });

    it('knows a cgroup by more than its path: one that was made anew is another', async () => {
      await grant(container, device);
      await harness.removeCgroup(container);
      const again = await harness.addContainer(podCgroup, 'one', [device]);
      expect(again.path).to.equal(container.path);
      await failure('not-found', reads(container, device));
      await failure('not-found', grant(container, device));
      await revoke(container, device);
      expect(await harness.open(again, device)).to.equal('allowed');
    });

    it('reports a cgroup that has vanished, and has nothing to take back there', async () => {
      await harness.removeCgroup(container);
      expect((await failure('not-found', reads(container, device))).message).to.include(container.path);
      await failure('not-found', grant(container, device));
      await revoke(container, device);
    });

    it('names the cgroup above that forbids a device, and has given access to nobody', async () => {
      const strict = await harness.addPod(otherPod, { forbids: device });
      const inside = await harness.addContainer(strict, 'one');
      expect(await allowedBy(inside, device)).to.deep.equal(['nobody']);
      const { message } = await failure('denied', grant(inside, device));
      expect(message).to.include(strict.path).and.to.include('1:7');
      expect(await harness.open(inside, device)).to.equal('forbidden');
      await grant(strict, device);
      await grant(inside, device);
      expect(await harness.open(inside, device)).to.equal('allowed');
      await revoke(inside, device);
      await revoke(strict, device);
      expect(await harness.open(inside, device)).to.equal('forbidden');
    });

    it('does nothing for a caller that has left', async () => {
      const left = AbortSignal.abort(new Error('gone'));
      await access.grant(container, [device], left).catch(() => undefined);
      expect(await allowedBy(container, device)).to.deep.equal(['nobody']);
    });

    describe('of a pod', () => {
      it('finds its own cgroup and those of all its containers, parents first', async () => {
        const two = await harness.addContainer(podCgroup, 'two');
        const within = await harness.addContainer(two, 'container');
        const found = await access.cgroupsOf(pod, inTime());
        expect(found[0]).to.deep.equal(podCgroup);
        expect(found).to.have.deep.members([podCgroup, container, two, within]);
        expect(found.findIndex((it) => it.path === two.path)).to.be.below(
          found.findIndex((it) => it.path === within.path),
        );
      });

      it('C5: finds a container that was started later', async () => {
        expect(await access.cgroupsOf(pod, inTime())).to.deep.equal([podCgroup, container]);
        const later = await harness.addContainer(podCgroup, 'two');
        expect(await access.cgroupsOf(pod, inTime())).to.deep.include(later);
      });

      it('finds nothing of a pod that is not here', async () => {
        expect(await access.cgroupsOf(otherPod, inTime())).to.deep.equal([]);
        const later = await harness.addPod(otherPod);
        expect(await access.cgroupsOf(otherPod, inTime())).to.deep.equal([later]);
      });
    });
  });
}
