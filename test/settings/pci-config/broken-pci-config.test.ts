import { expect } from 'chai';
import { errorsOf, withPf } from './broken-file.js';

const driverRule = 'must be the name of a driver: not empty, no "/", no white space, not "." or ".."';
const addressRule = 'must be a PCI address [dddd:]bb:dd.f in hexadecimal, device 00-1f, function 0-7';
const countRule = 'must be a whole number from 1 to 65535';

describe('B32: a pci.config is refused with the place, the value and the rule', () => {
  const cases: readonly (readonly [string, string, readonly string[]])[] = [
    [
      'when it misses a key',
      withPf({ pfKernelDriver: undefined, capabilities: undefined }),
      [
        '2:3: 0000:01:00.0 has no pfKernelDriver: it needs a driver name',
        '2:3: 0000:01:00.0 has no capabilities: it needs a list of capabilities',
      ],
    ],
    [
      'when a required key is empty',
      withPf({ pfKernelDriver: '', vfKernelDriver: '~', capabilities: '[]', serviceDomains: 'null' }),
      [
        '3:5: pfKernelDriver is empty: it needs a driver name',
        '4:5: vfKernelDriver is empty: it needs a driver name',
        '5:5: capabilities is empty: it needs a list of capabilities',
        '6:5: serviceDomains is empty: it needs a list of service domains',
      ],
    ],
    [
      'when a PF has nothing',
      'physicalFunctions:\n  01:00.0:\n',
      Object.entries({
        pfKernelDriver: 'driver name',
        vfKernelDriver: 'driver name',
        capabilities: 'list of capabilities',
        serviceDomains: 'list of service domains',
      }).map(([key, label]) => `2:3: 0000:01:00.0 has no ${key}: it needs a ${label}`),
    ],
    [
      'when a driver is no name of a directory',
      withPf({ pfKernelDriver: '../ice', vfKernelDriver: '""' }),
      [`3:21: pfKernelDriver "../ice": ${driverRule}`, `4:21: vfKernelDriver "": ${driverRule}`],
    ],
    ['when a driver is ".."', withPf({ vfKernelDriver: '..' }), [`4:21: vfKernelDriver "..": ${driverRule}`]],
    [
      'when a driver is a list',
      withPf({ vfKernelDriver: '[a]' }),
      ['4:21: vfKernelDriver must be a driver name, not a map or list'],
    ],
    [
      'when capabilities are a text',
      withPf({ capabilities: '10G' }),
      ['5:19: capabilities must be a list of capabilities'],
    ],
    [
      'when a capability comes twice',
      withPf({ capabilities: '[a, 10G, a, 10G]' }),
      [
        '5:28: capabilities has "a" twice, before at pci.config:5:20',
        '5:31: capabilities has "10G" twice, before at pci.config:5:23',
      ],
    ],
    [
      'when a service domain comes twice',
      withPf({ serviceDomains: '[a, a]' }),
      ['6:25: serviceDomains has "a" twice, before at pci.config:6:22'],
    ],
    [
      'when a capability is empty',
      withPf({ capabilities: '[a, ~]' }),
      ['5:23: capabilities has an empty value: it must be a capability'],
    ],
    [
      'when a key is unknown, with the nearest one',
      withPf({ capabilites: '[a]', numVf: '3', iommu: '3' }),
      [
        '7:5: "capabilites" is not a key here, did you mean capabilities?',
        '8:5: "numVf" is not a key here, did you mean numVFs?',
        '9:5: "iommu" is not a key here',
      ],
    ],
    [
      'when a key of the file is unknown',
      'physicalFunction:\n  01:00.0:\n',
      ['1:1: "physicalFunction" is not a key here, did you mean physicalFunctions?'],
    ],
    [
      'when a key comes twice, in whatever letter case',
      withPf({ PFkernelDriver: 'x' }),
      ['7:5: 0000:01:00.0 has pfKernelDriver twice, before at pci.config:3:5'],
    ],
    ['when an address is short of a digit', withPf({}, '0000:1:00.0'), [`2:3: "0000:1:00.0": ${addressRule}`]],
    ['when a device is too large', withPf({}, '0000:01:20.0'), [`2:3: "0000:01:20.0": ${addressRule}`]],
    ['when a function is too large', withPf({}, '01:00.8'), [`2:3: "01:00.8": ${addressRule}`]],
    ['when an address is no text', withPf({}, '? [a]\n  '), [`2:5: "[\\"a\\"]": ${addressRule}`]],
    [
      'when two addresses mean the same PF',
      `${withPf({})}\n  01:00.0: {pfKernelDriver: a, vfKernelDriver: b, capabilities: [c], serviceDomains: [d]}`,
      ['7:3: 0000:01:00.0 is listed twice, before at pci.config:2:3'],
    ],
    ...['0', '-1', '1.5', '08', 'many', '65536', '1e3'].map(
      (text) => [`when numVFs is ${text}`, withPf({ numVFs: text }), [`7:13: numVFs "${text}": ${countRule}`]] as const,
    ),
    [
      'when a VF comes twice, in whatever form',
      withPf({ virtualFunctions: '[{address: 01:00.2}, {address: 0000:01:00.2}]' }),
      ['7:54: 0000:01:00.2 is listed twice, before at pci.config:7:34'],
    ],
    [
      'when a VF has no address, or a wrong one',
      withPf({ virtualFunctions: '[{iommuGroup: 3}, {address: x}]' }),
      ['7:24: virtualFunctions has no address: it needs a PCI address', `7:51: address "x": ${addressRule}`],
    ],
    [
      'when a VF is a text',
      withPf({ virtualFunctions: '[01:00.2]' }),
      ['7:24: virtualFunctions must be a map with the keys address, iommuGroup'],
    ],
    ['when VFs are a map', withPf({ virtualFunctions: '{a: b}' }), ['7:23: virtualFunctions must be a list of VFs']],
    [
      'B9: when a VF belongs to two PFs',
      `${withPf({ virtualFunctions: '[{address: 01:00.2}]' })}\n  02:00.0: {pfKernelDriver: a, vfKernelDriver: b, capabilities: [c], serviceDomains: [d], virtualFunctions: [{address: 01:00.2}]}`,
      ['8:120: 0000:01:00.2 is listed twice, before at pci.config:7:34'],
    ],
    [
      'B9: when a VF is a PF',
      withPf({ virtualFunctions: '[{address: 01:00.0}]' }),
      ['7:34: 0000:01:00.0 is listed twice, before at pci.config:2:3'],
    ],
    ['when PFs are a list', 'physicalFunctions: [a]', ['1:20: physicalFunctions must be a map of PCI addresses']],
    ['when the file is a list', '- a', ['1:1: the file must be a map with the keys physicalFunctions']],
    ['when the file is a text', 'hello', ['1:1: the file must be a map with the keys physicalFunctions']],
  ];
  for (const [title, text, errors] of cases) {
    it(title, () => expect(errorsOf(text)).to.deep.equal(errors));
  }

  it('for everything that is wrong at once, in the order of the file', () => {
    const places = errorsOf(
      [
        'physicalFunctions:',
        '  01:00.9:',
        '    pfKernelDriver: a/b',
        '    capabilities: [a b]',
        '    serviceDomains: [B]',
        '  02:00.0:',
        '    numVFs: none',
        'more: x',
      ].join('\n'),
    ).map((line) => /^\d+:\d+: \S+ \S+/.exec(line)?.[0]);
    expect(places).to.deep.equal([
      '2:3: "01:00.9": must',
      '2:3: 01:00.9 has',
      '3:21: pfKernelDriver "a/b":',
      '4:20: capabilities "a',
      '5:22: serviceDomains "B":',
      '6:3: 0000:02:00.0 has',
      '6:3: 0000:02:00.0 has',
      '6:3: 0000:02:00.0 has',
      '6:3: 0000:02:00.0 has',
      '7:13: numVFs "none":',
      '8:1: "more" is',
    ]);
  });

  it('but with a hundred lines at most', () => {
    const errors = errorsOf(Array.from({ length: 250 }, (_, index) => `key${index}: x\n`).join(''));
    expect([errors.length, errors.at(-1)]).to.deep.equal([101, 'and 150 more']);
  });

  it('once for a mistake behind an anchor', () => {
    const pf = '{pfKernelDriver: a/b, vfKernelDriver: b, capabilities: [c], serviceDomains: [d]}';
    expect(errorsOf(`physicalFunctions:\n  01:00.0: &x ${pf}\n  02:00.0: *x\n`)).to.deep.equal([
      `2:32: pfKernelDriver "a/b": ${driverRule}`,
    ]);
  });
});
