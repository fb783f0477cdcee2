import { constants } from 'node:os';
import { expect } from 'chai';
import { isErrno, kernelError } from '../../src/link/kernel-error.js';

describe("the kernel's refusals", () => {
  it('have kinds', () => {
    const expected = {
      ENODEV: 'not-found',
      EEXIST: 'exists',
      EBUSY: 'busy',
      EPERM: 'denied',
      EACCES: 'denied',
      EADDRNOTAVAIL: 'denied',
      EOPNOTSUPP: 'unsupported',
      EINVAL: 'invalid',
      ERANGE: 'invalid',
      ENETDOWN: 'refused',
      EIO: 'unknown',
    } as const;
    for (const [name, kind] of Object.entries(expected)) {
      const errno = constants.errno[name as keyof typeof expected];
      expect(kernelError({ errno, text: '' }, 'x').kind, name).to.equal(kind);
    }
  });

  it('say what was attempted, and why, in its words or ours', () => {
    const { EEXIST, EADDRNOTAVAIL } = constants.errno;
    expect(kernelError({ errno: EEXIST, text: '' }, 'rename link 3 to eth0').message).to.equal(
      'cannot rename link 3 to eth0: EEXIST',
    );
    expect(kernelError({ errno: EEXIST, text: 'taken' }, 'x').message).to.equal('cannot x: EEXIST (taken)');
    expect(kernelError({ errno: EADDRNOTAVAIL, text: '' }, 'set mac of link 3').message).to.include(
      'the PF has set another MAC',
    );
  });

  it('can be asked for by name', () => {
    expect(isErrno({ errno: constants.errno.ENOENT, text: '' }, 'ESRCH', 'ENOENT')).to.equal(true);
    expect(isErrno({ errno: constants.errno.EBUSY, text: '' }, 'ESRCH', 'ENOENT')).to.equal(false);
    expect(isErrno(undefined, 'ESRCH')).to.equal(false);
  });
});
