import { expect } from 'chai';
import { chooseNetdev } from '../../src/mechanism/kernel/choose-netdev.js';
import { ForwarderError } from '../../src/ports/error.js';
import { parsePciAddress } from '../../src/ports/pci-address.js';
import type { FunctionNetdev } from '../../src/ports/pci-bus.js';

const address = parsePciAddress('0000:01:00.0');

describe('chooseNetdev', () => {
  const rows: readonly { title: string; netdevs: readonly FunctionNetdev[]; chosen: string }[] = [
    { title: 'the only one', netdevs: [{ name: 'eth0' }], chosen: 'eth0' },
    {
      title: 'P6: the uplink among representors, wherever it stands',
      netdevs: [
        { name: 'rep0', physPortName: 'pf0vf0' },
        { name: 'uplink', physPortName: 'p0' },
        { name: 'rep1', physPortName: 'pf0vf1' },
        { name: 'sub', physPortName: 'pf0sf1' },
      ],
      chosen: 'uplink',
    },
    {
      title: 'P6: the first port of a device with several',
      netdevs: [
        { name: 'second', devPort: 1 },
        { name: 'first', devPort: 0 },
      ],
      chosen: 'first',
    },
    { title: 'one that tells no port is the first', netdevs: [{ name: 'b', devPort: 1 }, { name: 'a' }], chosen: 'a' },
  ];
  for (const { title, netdevs, chosen } of rows) {
    it(title, () => expect(chooseNetdev({ address, netdevs }).name).to.equal(chosen));
  }

  const nothing: readonly [driver: string | undefined, message: string][] = [
    [undefined, '0000:01:00.0 has no netdev in the home namespace: it has no driver'],
    ['igbvf', 'driver igbvf made none, or it sits in another namespace'],
  ];
  for (const [driver, message] of nothing) {
    it(`says why there is none (driver ${driver})`, () => {
      expect(() => chooseNetdev({ address, netdevs: [], ...(driver !== undefined && { driver }) })).to.throw(
        ForwarderError,
        message,
      );
    });
  }

  it('P6: a representor alone does not stand for the function', () => {
    const netdevs = [{ name: 'rep0', physPortName: 'pf0vf0' }];
    expect(() => chooseNetdev({ address, netdevs })).to.throw(ForwarderError, 'has no netdev');
  });
});
