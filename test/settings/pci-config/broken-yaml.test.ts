import { expect } from 'chai';
import fc from 'fast-check';
import { ForwarderError } from '../../../src/ports/error.js';
import { parsePciConfig } from '../../../src/settings/pci-config/read-pci-config.js';
import { anyText } from '../any-text.js';
import { errorsOf, withPf } from './broken-file.js';

describe('a pci.config is refused as YAML', () => {
  const cases: readonly (readonly [string, string, readonly string[]])[] = [
    [
      'with a directive for YAML 1.1, under which addresses are numbers',
      '# x\n%YAML 1.1\n---\nphysicalFunctions:\n',
      ['2:1: %YAML 1.1: the file must be YAML 1.2, which needs no directive'],
    ],
    [
      'with a directive for a version that does not exist',
      '%YAML 3.0\n---\n',
      ['1:1: %YAML 3.0: the file must be YAML 1.2, which needs no directive'],
    ],
    [
      'with a second document',
      'physicalFunctions:\n---\nphysicalFunctions:\n',
      ['2:1: there must be one YAML document and a second one begins'],
    ],
    [
      'with an alias for nothing',
      withPf({ pfKernelDriver: '*x' }),
      ['3:5: pfKernelDriver is empty: it needs a driver name', '3:21: pfKernelDriver: the alias *x has no anchor'],
    ],
    [
      'with a tab for indentation',
      'physicalFunctions:\n\t01:00.0: x\n',
      ['2:1: the YAML is broken: Tabs are not allowed as indentation'],
    ],
    [
      'with a bracket that nothing closes',
      'physicalFunctions: {',
      ['1:21: the YAML is broken: Flow map in block collection must be sufficiently indented and end with a }'],
    ],
  ];
  for (const [title, text, errors] of cases) {
    it(title, () => expect(errorsOf(text)).to.include.members(errors));
  }

  it('with more than 100 aliases', () => {
    const text = withPf({ capabilities: `[&a a${', *a'.repeat(101)}]` });
    expect(errorsOf(text)).to.deep.equal(['5:426: there are more than 100 aliases']);
  });

  it('with aliases that multiply, at once', () => {
    const levels = Array.from({ length: 9 }, (_, n) => `l${n + 1}: &l${n + 1} [${`*l${n}, `.repeat(9)}]`);
    expect(errorsOf(`l0: &l0 [x]\n${levels.join('\n')}\nphysicalFunctions: *l9\n`)).to.not.have.lengthOf(0);
  });

  it('with an alias inside its own anchor', () => {
    expect(errorsOf('physicalFunctions: &x {01:00.0: *x}')).to.not.have.lengthOf(0);
  });

  for (const text of ['[', '{a: ', '- ', '? ', 'physicalFunctions: [']) {
    it(`with ten thousand times ${JSON.stringify(text)}, which does not end the process`, () => {
      expect(errorsOf(text.repeat(10_000)).join()).to.contain('maps and lists are nested too deep');
    });
  }

  it('when it is longer than a mebibyte', () => {
    expect(errorsOf('#'.repeat(1024 * 1024 + 1))).to.deep.equal([' longer than 1048576 characters']);
  });
});

describe('a pci.config', () => {
  const check = (text: string): boolean => {
    const reading = parsePciConfig(text, 'f');
    return reading.ok || (reading.error instanceof ForwarderError && reading.error.kind === 'invalid');
  };

  it('is read or refused, whatever the text', () => {
    fc.assert(fc.property(anyText, check));
  });

  it('is read or refused, whatever stands where', () => {
    const words = ['physicalFunctions', '01:00.0', 'pfKernelDriver', 'capabilities', 'virtualFunctions', 'address'];
    const pieces = [
      ...words,
      ': ',
      ':\n  ',
      '\n',
      '\n    ',
      '- ',
      '? ',
      '[',
      ']',
      '{',
      '}',
      ',',
      '&a ',
      '*a',
      '!!map ',
    ];
    const more = [
      '"',
      "'",
      '|\n',
      '>',
      '%YAML 1.1',
      '---\n',
      '...\n',
      '#',
      '\t',
      '<<',
      '~',
      '!',
      '@',
      '\u0000',
      '\ud800',
    ];
    const texts = fc.array(fc.constantFrom(...pieces, ...more), { maxLength: 40 }).map((parts) => parts.join(''));
    fc.assert(fc.property(texts, check), { numRuns: 2_000 });
  });
});
