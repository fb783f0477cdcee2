import { expect } from 'chai';
import fc from 'fast-check';
import { nearestName } from '../../src/settings/nearest-name.js';

const known = ['pfKernelDriver', 'vfKernelDriver', 'capabilities', 'numVFs'];

describe('the nearest name', () => {
  const cases: readonly (readonly [string, string | undefined])[] = [
    ['capabilites', 'capabilities'],
    ['pfKernelDrivers', 'pfKernelDriver'],
    ['vfkerneldriver', 'vfKernelDriver'],
    ['num_vfs', 'numVFs'],
    ['numVF', 'numVFs'],
    ['something', undefined],
    ['', undefined],
  ];
  for (const [name, nearest] of cases) {
    it(`to ${JSON.stringify(name)} is ${nearest ?? 'none'}`, () => expect(nearestName(name, known)).to.equal(nearest));
  }

  it('to a known name is that name, in any letter case', () => {
    fc.assert(
      fc.property(fc.constantFrom(...known), fc.boolean(), (name, upper) => {
        return nearestName(upper ? name.toUpperCase() : name.toLowerCase(), known) === name;
      }),
    );
  });
});
