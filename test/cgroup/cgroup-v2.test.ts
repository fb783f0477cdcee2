import { randomUUID } from 'node:crypto';
import { readdirSync } from 'node:fs';
import { expect } from 'chai';
import { attachedCode, attachedIds, attachProgram, replaceProgram } from '../../simulation/cgroups/device-programs.js';
import { mountedHierarchy, whyNoCgroups } from '../../simulation/cgroups/mounted-hierarchy.js';
import { rulesFor, runtimeFilter, usualRules } from '../../simulation/cgroups/runtime-filter.js';
import { CgroupV2DeviceAccess } from '../../src/cgroup/cgroup-v2.js';
import { encode, exit, type Instruction, set } from '../../src/cgroup/instructions.js';
import type { Access, Cgroup, DeviceNumber } from '../../src/ports/device-access.js';
import { parsePodUid } from '../../src/ports/pod-cgroup.js';
import { describeDeviceAccessContract } from '../contract/device-access.contract.js';
import { failure, inTime } from '../contract/network-harness.js';
import { skipBecause } from '../skip-because.js';
import { attachByLink } from './bpf-link.js';
import { CgroupHarness } from './cgroup-harness.js';
import { programRules } from './program-rules.js';

async function create(): Promise<CgroupHarness> {
  const root = mountedHierarchy(2) ?? '';
  return new CgroupHarness({ root, rules: programRules, access: new CgroupV2DeviceAccess(root) });
}

describeDeviceAccessContract({ name: 'cgroup v2', create, skip: whyNoCgroups(2) });

/** Nobody else's: another run of the tests may be using the same hierarchy. */
const pod = parsePodUid(randomUUID());
const device: DeviceNumber = { major: 1, minor: 7 };
const kept = [{ ...device, keep: '' as const }];

describe('device programs of cgroup v2', () => {
  let harness: CgroupHarness;
  let access: CgroupV2DeviceAccess;
  let podCgroup: Cgroup;
  let container: Cgroup;

  before(function () {
    const reason = whyNoCgroups(2);
    if (reason !== undefined) skipBecause(this, reason);
  });
  beforeEach(async () => {
    harness = await create();
    access = harness.access as CgroupV2DeviceAccess;
    podCgroup = await harness.addPod(pod);
    container = harness.makeCgroup(`${podCgroup.path}/one`);
  });
  afterEach(() => harness[Symbol.asyncDispose]());

  const attach = (code: Uint8Array, flags?: number) => attachProgram(harness.folder(container), code, flags);
  const code = () => attachedCode(harness.folder(container));
  const open = () => harness.open(container, device);
  const read = async (): Promise<Access['allowedBy'] | undefined> =>
    (await access.read(container, [device], inTime()))[0]?.allowedBy;
  const grant = () => access.grant(container, [device], inTime());
  const revoke = () => access.revoke(container, kept, inTime());

  it('are after a grant and its end what they were, bit by bit', async () => {
    const runtime = runtimeFilter(usualRules);
    await attach(runtime);
    await grant();
    expect((await code())[0]?.length).to.be.greaterThan(runtime.length);
    await revoke();
    expect(await code()).to.deep.equal([runtime]);
  });

  it('none of which is there allow everything, and get none', async () => {
    expect(await read()).to.equal('others');
    await grant();
    expect(await code()).to.deep.equal([]);
    expect(await open()).to.equal('allowed');
  });

  it('of which there are two, as where systemd and runc both attach theirs, get the grant each', async () => {
    const [first, second] = [runtimeFilter(rulesFor([])), runtimeFilter(usualRules)];
    await attach(first);
    await attach(second);
    await grant();
    expect(await open()).to.equal('allowed');
    await revoke();
    expect(await code()).to.deep.equal([first, second]);
    expect(await open()).to.equal('forbidden');
  });

  it('that allow the device already are left alone beside one that does not', async () => {
    const [strict, generous] = [runtimeFilter(rulesFor([])), runtimeFilter(rulesFor([device]))];
    await attach(strict);
    await attach(generous);
    await grant();
    expect((await code())[1]).to.deep.equal(generous);
    expect(await read()).to.equal('us');
    expect(await open()).to.equal('allowed');
  });

  for (const [name, flags] of Object.entries({ exclusively: 0, 'so that children may override it': 1 })) {
    it(`attached ${name} are replaced by the same way`, async () => {
      const runtime = runtimeFilter(usualRules);
      await attach(runtime, flags);
      await grant();
      expect(await open()).to.equal('allowed');
      await revoke();
      expect(await code()).to.deep.equal([runtime]);
      expect(await open()).to.equal('forbidden');
    });
  }

  it('that a link holds cannot be replaced, which is said, and access is given to nobody', async () => {
    const other = await harness.addContainer(podCgroup, 'two');
    const [id = 0] = await attachedIds(harness.folder(other));
    using _link = attachByLink(harness.folder(container), id);
    const { message } = await failure('unsupported', grant());
    expect(message).to.include('attached by a BPF link').and.to.include(container.path);
    expect(await open()).to.equal('forbidden');
  });

  it('with calls in them are refused by name and left alone', async () => {
    const call: Instruction = { opcode: 0x85, destination: 0, source: 0, offset: 0, immediate: 15 };
    const strange = encode([call, set(0, 0), exit]);
    await attach(strange);
    const before = await attachedIds(harness.folder(container));
    const { message } = await failure('unsupported', grant());
    expect(message).to.include(container.path).and.to.include('instruction 0 (0x85)');
    await failure('unsupported', access.read(container, [device], inTime()));
    expect(await attachedIds(harness.folder(container))).to.deep.equal(before);
  });

  it('in front of which somebody else has put something lose our part alone', async () => {
    await attach(runtimeFilter(usualRules));
    await grant();
    const [wrapped = new Uint8Array()] = await code();
    const theirs = encode([set(0, 7), set(0, 8)]);
    await replaceProgram(harness.folder(container), Uint8Array.from([...theirs, ...wrapped]));
    expect(await read()).to.equal('us');
    await revoke();
    expect(await code()).to.deep.equal([Uint8Array.from([...theirs, ...runtimeFilter(usualRules)])]);
    expect(await open()).to.equal('forbidden');
  });

  it('tell a later process whose grants they are', async () => {
    await attach(runtimeFilter(usualRules));
    await grant();
    const successor = new CgroupV2DeviceAccess(mountedHierarchy(2) ?? '');
    expect(await successor.read(container, [device], inTime())).to.deep.equal([{ allowedBy: 'us', keep: '' }]);
    await successor.revoke(container, kept, inTime());
    expect(await code()).to.deep.equal([runtimeFilter(usualRules)]);
  });

  it('hold a grant in the end, however often a runtime replaces them meanwhile', async () => {
    await attach(runtimeFilter(usualRules));
    const replacing = (async () => {
      for (let n = 0; n < 30; n += 1)
        await replaceProgram(harness.folder(container), runtimeFilter(usualRules)).catch(() => undefined);
    })();
    for (let n = 0; n < 5; n += 1) await grant().catch(() => undefined);
    await replacing;
    await grant();
    expect(await open()).to.equal('allowed');
    expect(await code()).to.have.lengthOf(1);
    await revoke();
    expect(await code()).to.deep.equal([runtimeFilter(usualRules)]);
  });

  it('leave no descriptor open', async () => {
    await attach(runtimeFilter(usualRules));
    const before = readdirSync('/proc/self/fd').length;
    for (let n = 0; n < 20; n += 1) {
      await grant();
      await revoke();
    }
    expect(readdirSync('/proc/self/fd').length).to.equal(before);
  });
});
