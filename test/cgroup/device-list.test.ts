import { expect } from 'chai';
import fc from 'fast-check';
import { allowsDevice, exactModes, parseDeviceList, without } from '../../src/cgroup/device-list.js';

const device = { major: 1, minor: 2 };

describe('devices.list', () => {
  for (const [line, allowed] of [
    ['a *:* rwm', true],
    ['a 1:2 rwm', true],
    ['c *:* rwm', true],
    ['c *:2 rwm', true],
    ['c 1:* rwm', true],
    ['c 1:2 rwm', true],
    ['c 1:2 rw', false],
    ['c 1:2 r', false],
    ['c 2:1 rwm', false],
    ['c 1:3 rwm', false],
    ['b *:* rwm', false],
    ['', false],
  ] as const) {
    it(`${allowed ? 'allows' : 'forbids'} 1:2 with “${line}”`, () => {
      expect(allowsDevice(parseDeviceList(`${line}\n`), device)).to.equal(allowed);
    });
  }

  it('allows what one rule opens and another makes, but not what two rules open by halves', () => {
    expect(allowsDevice(parseDeviceList('c *:* m\nc 1:2 rw\n'), device)).to.equal(true);
    expect(allowsDevice(parseDeviceList('c 1:* wm\nc 1:2 rm\n'), device)).to.equal(false);
  });

  it('C6: passes over lines that make no sense, and reads the others', () => {
    const text = 'c 1:2\nwhat\nd 1:2 rwm\nc 0x1:2 rwm\nc 1:2 rwx\nc -1:2 r\n\nc 1:2 rw\nb 8:0 rwm';
    expect(parseDeviceList(text)).to.deep.equal({ everything: false, rules: [{ major: 1, minor: 2, modes: 'rw' }] });
    fc.assert(fc.property(fc.string(), (noise) => void parseDeviceList(noise)));
  });

  it('tells what a rule for the very device allows', () => {
    const list = parseDeviceList('c *:* m\nc 1:* rwm\nc 1:2 wr\nb 1:2 rwm\n');
    expect(exactModes(list, device)).to.equal('rw');
    expect(exactModes(list, { major: 1, minor: 3 })).to.equal('');
  });

  it('subtracts modes', () => {
    expect([without('rwm', 'rw'), without('rwm', ''), without('rw', 'rwm'), without('rm', 'wm')]).to.deep.equal([
      'm',
      'rwm',
      '',
      'r',
    ]);
  });
});
