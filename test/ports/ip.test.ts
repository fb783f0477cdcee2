import { isIP } from 'node:net';
import { expect } from 'chai';
import fc from 'fast-check';
import { ForwarderError } from '../../src/ports/error.js';
import * as ip from '../../src/ports/ip.js';

function kindOf(action: () => unknown): string {
  try {
    action();
    return 'no error';
  } catch (error) {
    return error instanceof ForwarderError ? error.kind : `a foreign error: ${String(error)}`;
  }
}

const v4 = fc.bigInt(0n, (1n << 32n) - 1n).map((value): ip.Ip => ({ family: 4, value }));
const v6 = fc.bigInt(0n, (1n << 128n) - 1n).map((value): ip.Ip => ({ family: 6, value }));
const anyIp = fc.oneof(v4, v6);
const anyPrefix = anyIp.chain((address) =>
  fc.integer({ min: 0, max: ip.ipWidth(address) }).map((length): ip.Prefix => ({ address, length })),
);

describe('IP addresses', () => {
  it('are written in one form (RFC 5952)', () => {
    const forms: Record<string, string> = {
      '10.0.0.1': '10.0.0.1',
      '2001:0DB8:0:0:0:0:2:1': '2001:db8::2:1',
      '2001:db8:0:1:1:1:1:1': '2001:db8:0:1:1:1:1:1',
      '2001:0:0:1:0:0:0:1': '2001:0:0:1::1',
      '2001:db8:0:0:1:0:0:1': '2001:db8::1:0:0:1',
      '::': '::',
      '::1': '::1',
      '1::': '1::',
      'fe80::0.0.0.1': 'fe80::1',
      '::FFFF:192.0.2.1': '::ffff:192.0.2.1',
      '::ffff:c000:201': '::ffff:192.0.2.1',
    };
    for (const [text, canonical] of Object.entries(forms)) {
      expect(ip.formatIp(ip.parseIp(text))).to.equal(canonical);
    }
  });

  it('are read strictly', () => {
    const wrong =
      ' 0 1.2.3 1.2.3.4.5 01.2.3.4 256.1.1.1 1.2.3.-4 0x1.2.3.4 1..2.3 : ::: 1::2::3 1:2:3:4:5:6:7 1:2:3:4:5:6:7:8:9 12345:: g:: fe80::1%eth0 1:2:3:4:5:6:7:8:: ::1.2.3 1.2.3.4:: [::1] 1:2:3:4:5:6:7:';
    for (const text of wrong.split(' ')) {
      expect(
        kindOf(() => ip.parseIp(text)),
        text,
      ).to.equal('invalid');
    }
    expect(() => ip.parseIp('1.2.3')).to.throw('"1.2.3" is not an IP address');
  });

  it('agree with Node about what is an address', () => {
    const almostIp = fc.oneof(
      fc.string({ unit: fc.constantFrom(...'0123456789abf:.'), maxLength: 20 }),
      anyIp.map(ip.formatIp),
    );
    fc.assert(
      fc.property(almostIp, (text) => {
        expect(kindOf(() => ip.parseIp(text)) === 'no error' ? ip.parseIp(text).family : 0).to.equal(isIP(text));
      }),
    );
  });

  it('survive text and bytes unchanged', () => {
    fc.assert(
      fc.property(anyIp, (address) => {
        expect(ip.parseIp(ip.formatIp(address))).to.deep.equal(address);
        expect(ip.ipFromBytes(ip.ipBytes(address))).to.deep.equal(address);
      }),
    );
    expect([...ip.ipBytes(ip.parseIp('10.1.2.3'))]).to.deep.equal([10, 1, 2, 3]);
    expect(kindOf(() => ip.ipFromBytes(new Uint8Array(5)))).to.equal('invalid');
  });
});

describe('IP prefixes', () => {
  it('need a length that fits the family', () => {
    for (const text of ['10.0.0.1', '10.0.0.1/', '10.0.0.1/33', '10.0.0.1/08', '::/129', '::/-1', '::/1/2', '/8']) {
      expect(
        kindOf(() => ip.parsePrefix(text)),
        text,
      ).to.equal('invalid');
    }
    expect(() => ip.parsePrefix('10.0.0.1/33')).to.throw('its length must be 0 to 32');
  });

  it('keep the address as written and mask it on demand', () => {
    const prefix = ip.parsePrefix('10.20.30.40/12');
    expect(ip.formatPrefix(prefix)).to.equal('10.20.30.40/12');
    expect(ip.formatPrefix(ip.maskPrefix(prefix))).to.equal('10.16.0.0/12');
    expect(ip.formatPrefix(ip.maskPrefix(ip.parsePrefix('2001:db8::ff/0')))).to.equal('::/0');
    expect(ip.formatPrefix(ip.hostPrefix(ip.parseIp('::1')))).to.equal('::1/128');
  });

  it('contain exactly the addresses whose mask gives the same network', () => {
    expect(ip.prefixContains(ip.parsePrefix('0.0.0.0/0'), ip.parseIp('::1'))).to.equal(false);
    fc.assert(
      fc.property(anyPrefix, anyIp, (prefix, address) => {
        const same =
          prefix.address.family === address.family &&
          ip.formatPrefix(ip.maskPrefix({ address, length: prefix.length })) === ip.formatPrefix(ip.maskPrefix(prefix));
        expect(ip.prefixContains(prefix, address)).to.equal(same);
        expect(ip.prefixContains(prefix, prefix.address)).to.equal(true);
      }),
    );
  });
});

describe('MAC addresses', () => {
  it('are read in the usual forms and written in one', () => {
    for (const text of ['02:00:5E:10:00:aF', '02-00-5e-10-00-af', '0200.5e10.00af']) {
      expect(ip.parseMac(text)).to.equal('02:00:5e:10:00:af');
    }
    for (const text of [
      '',
      '02:00:5e:10:00',
      '02:00:5e:10:00:af:01',
      '02:00-5e:10:00:af',
      '2:0:5e:10:0:af',
      '02005e1000af',
    ]) {
      expect(
        kindOf(() => ip.parseMac(text)),
        text,
      ).to.equal('invalid');
    }
  });

  it('tell whether a netdev may have them', () => {
    expect(ip.isUnicastMac(ip.parseMac('02:00:00:00:00:01'))).to.equal(true);
    for (const text of ['00:00:00:00:00:00', 'ff:ff:ff:ff:ff:ff', '01:00:5e:00:00:01']) {
      expect(ip.isUnicastMac(ip.parseMac(text)), text).to.equal(false);
    }
  });

  it('survive bytes unchanged', () => {
    const mac = ip.parseMac('02:00:5e:10:00:af');
    expect(ip.macFromBytes(ip.macBytes(mac))).to.equal(mac);
    expect(kindOf(() => ip.macFromBytes(new Uint8Array(20)))).to.equal('invalid');
  });
});
