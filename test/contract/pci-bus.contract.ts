import { expect } from 'chai';
import { ForwarderError } from '../../src/ports/error.js';
import { type PciAddress, parsePciAddress } from '../../src/ports/pci-address.js';
import type { PciBus, Provisioning } from '../../src/ports/pci-bus.js';
import { failureOf } from '../pci/failure.js';
import { until } from '../pci/until.js';

/** A node to hold the contract to: one PF with at least two VFs, all bound to their kernel driver and at home. */
export interface PciBusSubject extends AsyncDisposable {
  readonly bus: PciBus;
  readonly provisioning: Provisioning;
  readonly physicalFunction: PciAddress;
  readonly vfs: number;
  /** The VFs' kernel driver. */
  readonly kernelDriver: string;
  /** A registered driver that takes a VF only by `driver_override`. */
  readonly userspaceDriver: string;
}

/** What a subject cannot show, each with the reason. */
export interface PciBusLimitations {
  /** The node has no IOMMU, so no VF can be bound to the userspace driver. */
  readonly noUserspaceDriver?: string;
  /** VFs have no netdev here. */
  readonly noNetdevs?: string;
}

/**
 * The contract of PciBus and Provisioning. It leaves the subject as it found it, so one subject serves all cases, and
 * says nothing that is not true of an 82576 (igb, igbvf) as well.
 */
export function pciBusContract(
  name: string,
  create: () => Promise<PciBusSubject>,
  limitations: PciBusLimitations = {},
): void {
  describe(`${name} as a PCI bus`, () => {
    let subject: PciBusSubject;
    let vf: PciAddress;
    let sibling: PciAddress;
    const never = new AbortController().signal;

    before(async () => {
      subject = await create();
      const [first, second] = await subject.bus.virtualFunctions(subject.physicalFunction);
      if (first === undefined || second === undefined) throw new Error('the subject needs two VFs');
      [vf, sibling] = [first, second];
    });
    after(() => subject[Symbol.asyncDispose]());
    afterEach(async () => {
      await subject.bus.bind(vf, subject.kernelDriver, never);
      await subject.bus.bind(sibling, subject.kernelDriver, never);
    });

    const withUserspaceDriver = limitations.noUserspaceDriver === undefined ? it : it.skip;
    const withNetdevs = limitations.noNetdevs === undefined ? it : it.skip;

    it('names the driver and the PF of a VF', async () => {
      const facts = await subject.bus.facts(vf);
      expect(facts.address).to.equal(vf);
      expect(facts.driver).to.equal(subject.kernelDriver);
      expect(facts.physicalFunction).to.equal(subject.physicalFunction);
    });

    it('says that a PF has no PF', async () => {
      const facts = await subject.bus.facts(subject.physicalFunction);
      expect(facts.physicalFunction).to.equal(undefined);
      expect(facts.driver).to.be.a('string');
    });

    withNetdevs('names the netdev of a VF that is at home', async () => {
      await until(async () => (await subject.bus.facts(vf)).netdevs.length === 1);
    });

    it('reports a function that is not there as not-found, by its address', async () => {
      const absent = parsePciAddress('fffe:ff:1f.7');
      const { bus } = subject;
      const askings = [() => bus.facts(absent), () => bus.virtualFunctions(absent), () => bus.reset(absent, never)];
      for (const ask of askings) {
        const failure = await failureOf(ask());
        expect(failure.kind).to.equal('not-found');
        expect(failure.message).to.contain(absent);
      }
    });

    it('lists every VF of a PF once, each of which names that PF', async () => {
      const vfs = await subject.bus.virtualFunctions(subject.physicalFunction);
      expect(new Set(vfs).size).to.equal(subject.vfs);
      const facts = await Promise.all(vfs.map((address) => subject.bus.facts(address)));
      expect(facts.map((fact) => fact.physicalFunction)).to.deep.equal(vfs.map(() => subject.physicalFunction));
    });

    it('lists no VFs of a VF', async () => {
      expect(await subject.bus.virtualFunctions(vf)).to.deep.equal([]);
    });

    it('knows registered drivers', async () => {
      expect(await subject.bus.hasDriver(subject.kernelDriver)).to.equal(true);
      expect(await subject.bus.hasDriver('no-such-driver')).to.equal(false);
    });

    it('leaves a function alone that has the wanted driver', async () => {
      const before = await subject.bus.facts(vf);
      await subject.bus.bind(vf, subject.kernelDriver, never);
      expect(await subject.bus.facts(vf)).to.deep.equal(before);
    });

    it('unbinds a function, once and again, and binds it', async () => {
      await subject.bus.unbind(vf, never);
      await subject.bus.unbind(vf, never);
      const unbound = await subject.bus.facts(vf);
      expect(unbound.driver).to.equal(undefined);
      expect(unbound.netdevs).to.deep.equal([]);
      await subject.bus.bind(vf, subject.kernelDriver, never);
      expect((await subject.bus.facts(vf)).driver).to.equal(subject.kernelDriver);
    });

    withUserspaceDriver('binds exactly one function to a userspace driver, and back', async () => {
      await subject.bus.bind(vf, subject.userspaceDriver, never);
      const [moved, other, pf] = await Promise.all(
        [vf, sibling, subject.physicalFunction].map((address) => subject.bus.facts(address)),
      );
      expect([moved?.driver, moved?.netdevs]).to.deep.equal([subject.userspaceDriver, []]);
      expect(other?.driver).to.equal(subject.kernelDriver);
      expect(pf?.driver).to.not.equal(subject.userspaceDriver);
      await subject.bus.bind(vf, subject.kernelDriver, never);
      expect((await subject.bus.facts(vf)).driver).to.equal(subject.kernelDriver);
    });

    withUserspaceDriver('binds several functions at a time', async () => {
      await Promise.all([vf, sibling].map((address) => subject.bus.bind(address, subject.userspaceDriver, never)));
      const facts = await Promise.all([vf, sibling].map((address) => subject.bus.facts(address)));
      expect(facts.map((fact) => fact.driver)).to.deep.equal([subject.userspaceDriver, subject.userspaceDriver]);
    });

    withUserspaceDriver('takes opposite wishes for one function one after the other', async () => {
      const wishes = [subject.userspaceDriver, subject.kernelDriver, subject.userspaceDriver];
      await Promise.all(wishes.map((driver) => subject.bus.bind(vf, driver, never)));
      expect((await subject.bus.facts(vf)).driver).to.equal(subject.userspaceDriver);
    });

    it('says that each VF can be reset by itself, and says that of no PF', async () => {
      expect(await subject.bus.isResettable(vf)).to.equal(true);
      expect(await subject.bus.isResettable(subject.physicalFunction)).to.equal(false);
    });

    it('resets a function that nobody has, which serves as before then', async () => {
      const before = await subject.bus.facts(sibling);
      await subject.bus.unbind(vf, never);
      await subject.bus.reset(vf, never);
      expect((await subject.bus.facts(vf)).driver).to.equal(undefined);
      await subject.bus.bind(vf, subject.kernelDriver, never);
      expect((await subject.bus.facts(vf)).driver).to.equal(subject.kernelDriver);
      expect(await subject.bus.facts(sibling)).to.deep.equal(before);
    });

    it('resets no function that a driver has, and says which driver', async () => {
      const before = await subject.bus.facts(vf);
      const failure = await failureOf(subject.bus.reset(vf, never));
      expect(failure.kind).to.equal('busy');
      expect(failure.message).to.contain(subject.kernelDriver);
      expect(await subject.bus.facts(vf)).to.deep.equal(before);
    });

    it('tells the members of an IOMMU group, each of which names that group', async () => {
      const { iommuGroup = -1 } = await subject.bus.facts(vf);
      const members = await subject.bus.groupMembers(vf);
      expect(members).to.include(vf);
      const facts = await Promise.all(members.map((member) => subject.bus.facts(member)));
      expect(new Set(facts.map((fact) => fact.iommuGroup))).to.deep.equal(new Set([iommuGroup]));
    });

    it('names the module to load for a driver that is not registered, and changes nothing', async () => {
      const before = await subject.bus.facts(vf);
      const failure = await failureOf(subject.bus.bind(vf, 'no-such-driver', never));
      expect(failure.kind).to.equal('not-found');
      expect(failure.message).to.contain('modprobe no-such-driver');
      expect(await subject.bus.facts(vf)).to.deep.equal(before);
    });

    it('never touches the driver of a PF', async () => {
      const before = await subject.bus.facts(subject.physicalFunction);
      const attempts = [
        subject.bus.bind(subject.physicalFunction, subject.userspaceDriver, never),
        subject.bus.unbind(subject.physicalFunction, never),
        subject.bus.reset(subject.physicalFunction, never),
      ];
      for (const attempt of attempts) expect((await failureOf(attempt)).kind).to.equal('refused');
      expect(await subject.bus.facts(subject.physicalFunction)).to.deep.equal(before);
      expect(await subject.bus.virtualFunctions(subject.physicalFunction)).to.have.length(subject.vfs);
    });

    it('does nothing for a caller that has left', async () => {
      const left = AbortSignal.abort(new ForwarderError('cancelled', 'the caller left'));
      expect((await failureOf(subject.bus.unbind(vf, left))).kind).to.equal('cancelled');
      expect((await subject.bus.facts(vf)).driver).to.equal(subject.kernelDriver);
    });

    it('tells the present and the possible number of VFs', async () => {
      const { current, total } = await subject.provisioning.vfCount(subject.physicalFunction);
      expect(current).to.equal(subject.vfs);
      expect(total).to.be.at.least(subject.vfs);
    });

    it('tells a function without SR-IOV from one that is not there', async () => {
      expect((await failureOf(subject.provisioning.vfCount(vf))).kind).to.equal('unsupported');
      expect((await failureOf(subject.provisioning.vfCount(parsePciAddress('fffe:ff:1f.7')))).kind).to.equal(
        'not-found',
      );
    });

    it('never touches the VFs of a PF that has some', async () => {
      const before = await subject.bus.virtualFunctions(subject.physicalFunction);
      for (const count of [1, subject.vfs]) {
        const failure = await failureOf(subject.provisioning.createVfs(subject.physicalFunction, count, never));
        expect(failure.kind).to.equal('refused');
      }
      expect(await subject.bus.virtualFunctions(subject.physicalFunction)).to.deep.equal(before);
    });
  });
}
