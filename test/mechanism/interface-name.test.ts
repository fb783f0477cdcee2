import { expect } from 'chai';
import fc from 'fast-check';
import { checkInterfaceName, travelName } from '../../src/mechanism/kernel/interface-name.js';
import { ForwarderError } from '../../src/ports/error.js';
import { parsePciAddress } from '../../src/ports/pci-address.js';

describe('interface names', () => {
  for (const name of ['nsm-1', 'eth0', 'a', 'fifteen-bytes-x', 'ünïcödé', 'name.with.dots', '...']) {
    it(`accepts ${JSON.stringify(name)}`, () => expect(() => checkInterfaceName(name)).not.to.throw());
  }

  const refused: readonly [name: string, message: string][] = [
    ['', 'interface name "" is empty'],
    ['.', 'interface name "." is reserved'],
    ['..', 'interface name ".." is reserved'],
    ['sixteen-bytes-xx', 'interface name "sixteen-bytes-xx" is 16 bytes long: the kernel takes at most 15'],
    ['üüüüüüüü', 'interface name "üüüüüüüü" is 16 bytes long: the kernel takes at most 15'],
    ['eth%d', 'interface name "eth%d" contains "%": the kernel would put a number there (dev_alloc_name)'],
    ['a/b', 'interface name "a/b" contains "/": no slash, colon, white space or control character is allowed'],
    ['a:b', 'interface name "a:b" contains ":": no slash, colon, white space or control character is allowed'],
    ['a b', 'interface name "a b" contains " ": no slash, colon, white space or control character is allowed'],
    ['a\tb', 'interface name "a\\tb" contains "\\t": no slash, colon, white space or control character is allowed'],
    [
      'a\u0000b',
      'interface name "a\\u0000b" contains "\\u0000": no slash, colon, white space or control character is allowed',
    ],
  ];
  for (const [name, message] of refused) {
    it(`K4: refuses ${JSON.stringify(name)}`, () => {
      expect(() => checkInterfaceName(name))
        .to.throw(ForwarderError, message)
        .with.property('kind', 'invalid');
    });
  }

  it('a travel name is a valid name, and another for each function', () => {
    const hex = (length: number) =>
      fc.array(fc.constantFrom(...'0123456789abcdef'), { minLength: length, maxLength: length });
    const address = fc
      .tuple(hex(8), hex(2), fc.nat(31), fc.nat(7))
      .map(([domain, bus, device, fn]) =>
        parsePciAddress(`${domain.join('')}:${bus.join('')}:${device.toString(16).padStart(2, '0')}.${fn}`),
      );
    fc.assert(
      fc.property(address, address, (a, b) => {
        checkInterfaceName(travelName(a));
        expect(travelName(a) === travelName(b)).to.equal(a === b);
      }),
    );
  });
});
