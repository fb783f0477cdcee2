import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import type { PciConfig } from '../../../src/settings/pci-config/pci-config.js';
import { parsePciConfig, readPciConfig } from '../../../src/settings/pci-config/read-pci-config.js';
import type { Reading } from '../../../src/settings/reading.js';

function configOf(reading: Reading<PciConfig>): PciConfig {
  if (!reading.ok) throw reading.error;
  return reading.value;
}

function read(text: string): PciConfig {
  return configOf(parsePciConfig(text, 'pci.config'));
}

function warningsOf(text: string): readonly string[] {
  return parsePciConfig(text, 'pci.config').warnings;
}

/** A file of one PF with these further lines. */
function withPf(...lines: readonly string[]): string {
  return [
    'physicalFunctions:',
    '  0000:01:00.0:',
    '    pfKernelDriver: pf-driver',
    '    vfKernelDriver: vf-driver',
    '    capabilities: [intel, 10G]',
    '    serviceDomains: [service.domain.1]',
    ...lines.map((line) => `    ${line}`),
  ].join('\n');
}

const plain = {
  address: '0000:01:00.0',
  pfKernelDriver: 'pf-driver',
  vfKernelDriver: 'vf-driver',
  capabilities: ['intel', '10G'],
  serviceDomains: ['service.domain.1'],
  tokenNames: ['service.domain.1/intel', 'service.domain.1/10G'],
  numVfs: undefined,
  virtualFunctions: undefined,
  where: 'pci.config:2:3',
};

function isDeeplyFrozen(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return Object.isFrozen(value) && Object.values(value).every(isDeeplyFrozen);
}

describe('pci.config', () => {
  it('names PFs with drivers, capabilities and service domains, which make the token names', () => {
    expect(read(withPf())).to.deep.equal({ physicalFunctions: [plain] });
    expect(warningsOf(withPf())).to.deep.equal([]);
  });

  it('makes a token name of each service domain with each capability', () => {
    const text = withPf().replace('[service.domain.1]', '[a, b]');
    expect(read(text).physicalFunctions[0]?.tokenNames).to.deep.equal(['a/intel', 'a/10G', 'b/intel', 'b/10G']);
  });

  it('is frozen to the last part', () => {
    const config = read(withPf('virtualFunctions: [{address: 01:00.2}]'));
    expect(isDeeplyFrozen(config)).to.equal(true);
  });

  it('reads every scalar as the text it looks like', () => {
    const text = withPf().replace('[intel, 10G]', '[40, 1e3, 0x10, true, 1_000, "null", 1.0]');
    expect(read(text).physicalFunctions[0]?.capabilities).to.deep.equal([
      '40',
      '1e3',
      '0x10',
      'true',
      '1_000',
      'null',
      '1.0',
    ]);
  });

  it('may use anchors', () => {
    const text = [
      'physicalFunctions:',
      '  01:00.0: &same {pfKernelDriver: a, vfKernelDriver: b, capabilities: &c [x], serviceDomains: *c}',
      '  02:00.0: *same',
    ].join('\n');
    expect(read(text).physicalFunctions.map(({ address, tokenNames }) => [address, tokenNames])).to.deep.equal([
      ['0000:01:00.0', ['x/x']],
      ['0000:02:00.0', ['x/x']],
    ]);
  });

  it('may begin with a byte order mark, a %YAML 1.2 line and comments, and have Windows line ends', () => {
    const text = `\ufeff%YAML 1.2\n# comment\n---\n${withPf()}\n...\n`.replaceAll('\n', '\r\n');
    expect(read(text).physicalFunctions).to.deep.equal([{ ...plain, where: 'pci.config:5:3' }]);
  });

  it('lists PFs by address, in any order of the file', () => {
    const pf = '{pfKernelDriver: a, vfKernelDriver: b, capabilities: [x], serviceDomains: [y]}';
    const addresses = ['10000:01:00.0', '0000:81:00.1', '02:00.0', '0000:81:00.0'];
    const text = `physicalFunctions:\n${addresses.map((address) => `  ${address}: ${pf}\n`).join('')}`;
    expect(read(text).physicalFunctions.map(({ address }) => address)).to.deep.equal([
      '0000:02:00.0',
      '0000:81:00.0',
      '0000:81:00.1',
      '10000:01:00.0',
    ]);
  });

  for (const spelling of ['01:00.0', '0000:01:00.0', '"01:00.0"', '00000000:01:00.0']) {
    it(`B7: the address ${spelling} means 0000:01:00.0`, () => {
      expect(read(withPf().replace('0000:01:00.0', spelling)).physicalFunctions).to.deep.equal([plain]);
    });
  }

  it('B32: says how many VFs to make, instead of always the most', () => {
    expect(read(withPf('numVFs: 8')).physicalFunctions).to.deep.equal([{ ...plain, numVfs: 8 }]);
    expect(read(withPf('numVFs: 65535')).physicalFunctions[0]?.numVfs).to.equal(65_535);
  });

  it('B9: lists VFs as a filter, sorted and in normal form, and adds none of its own', () => {
    const text = withPf('virtualFunctions:', '- address: 0000:01:0A.1', '- {address: 01:00.2}');
    expect(read(text).physicalFunctions[0]?.virtualFunctions).to.deep.equal(['0000:01:00.2', '0000:01:0a.1']);
  });
});

describe('pci.config warns', () => {
  const nothing = 'the forwarder has nothing to offer';
  const cases: readonly (readonly [string, string, readonly string[]])[] = [
    ['of a file without text', '', [`pci.config:1:1: the file has no physicalFunctions: ${nothing}`]],
    ['of a file of comments', '# nothing\n', [`pci.config:1:1: the file has no physicalFunctions: ${nothing}`]],
    ['of an empty document', '---\n', [`pci.config:1:1: the file has no physicalFunctions: ${nothing}`]],
    ['of an empty map', '{}', [`pci.config:1:1: the file has no physicalFunctions: ${nothing}`]],
    ['of no PFs', '# x\nphysicalFunctions:\n', [`pci.config:2:1: physicalFunctions is empty: ${nothing}`]],
    ['of a null', 'physicalFunctions: null\n', [`pci.config:1:1: physicalFunctions is empty: ${nothing}`]],
    ['of an empty map of PFs', 'physicalFunctions: {}', [`pci.config:1:1: physicalFunctions is empty: ${nothing}`]],
  ];
  for (const [title, text, warnings] of cases) {
    it(title, () => {
      expect(warningsOf(text)).to.deep.equal(warnings);
      expect(read(text)).to.deep.equal({ physicalFunctions: [] });
    });
  }

  it('of keys in another letter case, which it reads', () => {
    const text = withPf('NUMvfs: 3').replace('pfKernelDriver', 'PFKERNELDRIVER').replace('physicalF', 'Physicalf');
    expect(read(text).physicalFunctions).to.deep.equal([{ ...plain, numVfs: 3 }]);
    expect(warningsOf(text)).to.deep.equal([
      'pci.config:1:1: "Physicalfunctions" is read as physicalFunctions: write it so',
      'pci.config:3:5: "PFKERNELDRIVER" is read as pfKernelDriver: write it so',
      'pci.config:7:5: "NUMvfs" is read as numVFs: write it so',
    ]);
  });

  it('of an IOMMU group, which it ignores', () => {
    const text = withPf('virtualFunctions:', '- address: 01:00.2', '  iommuGroup: 7');
    expect(read(text).physicalFunctions[0]?.virtualFunctions).to.deep.equal(['0000:01:00.2']);
    expect(warningsOf(text)).to.deep.equal(["pci.config:9:7: iommuGroup is ignored: the kernel's own figure counts"]);
  });

  it('of an optional key without a value, which it ignores', () => {
    expect(warningsOf(withPf('numVFs:', 'virtualFunctions: []'))).to.deep.equal([
      'pci.config:7:5: numVFs is empty and ignored',
      'pci.config:8:5: virtualFunctions is empty and ignored',
    ]);
  });

  it('of a tag, which means nothing here', () => {
    expect(warningsOf(withPf('numVFs: !!int 3'))).to.have.lengthOf(1);
  });
});

describe('the file pci.config', () => {
  let directory = '';
  const { signal } = new AbortController();

  before(async () => {
    directory = await mkdtemp(join(tmpdir(), 'pci-config-'));
  });

  after(() => rm(directory, { recursive: true }));

  it('is read by its path', async () => {
    const file = join(directory, 'pci.config');
    await writeFile(file, withPf());
    const { physicalFunctions } = configOf(await readPciConfig(file, signal));
    expect(physicalFunctions).to.deep.equal([{ ...plain, where: `${file}:2:3` }]);
  });

  it('may be the null device', async () => {
    expect(configOf(await readPciConfig('/dev/null', signal))).to.deep.equal({ physicalFunctions: [] });
  });

  it('may be the example of this repository, without a warning', async () => {
    const reading = await readPciConfig('pci.config.example', signal);
    expect(reading.warnings).to.deep.equal([]);
    expect(configOf(reading).physicalFunctions).to.deep.equal([
      {
        address: '0000:01:00.0',
        pfKernelDriver: 'ice',
        vfKernelDriver: 'iavf',
        capabilities: ['intel', '10G'],
        serviceDomains: ['service.domain.1'],
        tokenNames: ['service.domain.1/intel', 'service.domain.1/10G'],
        numVfs: 16,
        virtualFunctions: undefined,
        where: 'pci.config.example:8:3',
      },
      {
        address: '0000:02:00.1',
        pfKernelDriver: 'ice',
        vfKernelDriver: 'iavf',
        capabilities: ['intel', '10G'],
        serviceDomains: ['service.domain.1'],
        tokenNames: ['service.domain.1/intel', 'service.domain.1/10G'],
        numVfs: undefined,
        virtualFunctions: ['0000:02:11.0', '0000:02:11.2'],
        where: 'pci.config.example:19:3',
      },
    ]);
  });

  it('that is missing is not found, and the error names the variable', async () => {
    const reading = await readPciConfig(join(directory, 'none'), signal);
    expect(!reading.ok && reading.error.kind).to.equal('not-found');
    expect(!reading.ok && reading.error.message).to.contain('the file that NSM_SRIOV_CONFIG_FILE names');
  });

  it('that is a directory cannot be read', async () => {
    const reading = await readPciConfig(directory, signal);
    expect(!reading.ok && reading.error.message).to.contain(`cannot read ${directory}`);
  });

  it('that is not UTF-8 is invalid', async () => {
    const file = join(directory, 'latin1');
    await writeFile(file, Buffer.from([0x61, 0xff, 0xfe]));
    const reading = await readPciConfig(file, signal);
    expect(!reading.ok && reading.error.kind).to.equal('invalid');
    expect(!reading.ok && reading.error.message).to.contain('not UTF-8 text');
  });

  it('is not waited for once the caller has left', async () => {
    const reading = await readPciConfig('pci.config.example', AbortSignal.abort());
    expect(!reading.ok && reading.error.kind).to.equal('cancelled');
  });
});
