import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { VfioFolder } from '../../src/vfio/vfio-folder.js';
import { RecordedLog } from '../deviceplugin/recorded-log.js';
import { failureOf } from '../pci/failure.js';
import { skipBecause } from '../skip-because.js';

describe('the folder of VFIO nodes', () => {
  let folder: string;
  let log: RecordedLog;
  let vfio: VfioFolder;

  before(function () {
    if (process.getuid?.() !== 0) skipBecause(this, 'needs root to make device nodes');
  });
  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'vfio-'));
    log = new RecordedLog();
    vfio = new VfioFolder(folder, log);
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const makeNode = (name: string, ...number: readonly [number, number]) =>
    execFileSync('mknod', [join(folder, name), 'c', ...number.map(String)]);

  it('tells the numbers of nodes, however large', async () => {
    for (const [n, [major, minor]] of (
      [
        [10, 196],
        [245, 0],
        [511, 4],
        [4095, 1_048_575],
      ] as const
    ).entries()) {
      makeNode(String(n), major, minor);
      expect(await vfio.group(n)).to.deep.equal({
        iommuGroup: n,
        device: { major, minor },
        noIommu: false,
      });
    }
  });

  it('tells the node that every user opens first', async () => {
    makeNode('vfio', 10, 196);
    expect(await vfio.container()).to.deep.equal({ major: 10, minor: 196 });
  });

  it('says which module to load when there is none', async () => {
    const failure = await failureOf(vfio.container());
    expect(failure.kind).to.equal('not-found');
    expect(failure.message).to.include(join(folder, 'vfio')).and.to.include('modprobe vfio-pci');
  });

  it('knows no group that has no node', async () => {
    expect(await vfio.group(7)).to.equal(undefined);
    expect(await vfio.isOpen(7)).to.equal(false);
  });

  it('finds the node of a group without an IOMMU under its other name, and says so', async () => {
    makeNode('noiommu-3', 245, 9);
    expect(await vfio.group(3))
      .to.include({ noIommu: true })
      .and.to.deep.include({ device: { major: 245, minor: 9 } });
  });

  it('refuses what is no character device', async () => {
    writeFileSync(join(folder, '7'), '');
    const failure = await failureOf(vfio.group(7));
    expect(failure.kind).to.equal('invalid');
    expect(failure.message).to.include(join(folder, '7'));
  });

  it("takes a group that can be opened for nobody's, and lets go of it at once", async () => {
    makeNode('7', 1, 3);
    expect(await vfio.isOpen(7)).to.equal(false);
    expect(log.lines).to.deep.equal([]);
  });

  it("takes a group that cannot be opened, and is not busy, for nobody's, and logs why, once", async () => {
    const why = 'info a VFIO group cannot be opened, so nobody has it {"iommuGroup":7,"errno":"ENXIO"}';
    makeNode('7', 511, 4);
    expect(await vfio.isOpen(7)).to.equal(false);
    expect(await vfio.isOpen(7)).to.equal(false);
    expect(log.lines).to.deep.equal([why]);
    rmSync(join(folder, '7'));
    makeNode('7', 1, 3);
    expect(await vfio.isOpen(7)).to.equal(false);
    rmSync(join(folder, '7'));
    makeNode('7', 511, 4);
    expect(await vfio.isOpen(7)).to.equal(false);
    expect(log.lines, 'again after it could be opened').to.deep.equal([why, why]);
  });
});
