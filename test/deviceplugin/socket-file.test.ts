import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import fc from 'fast-check';
import { clearStaleSocket, fileIdentity, pluginSocketName } from '../../src/deviceplugin/socket-file.js';

describe("a plugin's socket file", () => {
  it('has a safe and short name, the same for the same resource only', () => {
    fc.assert(
      fc.property(fc.string(), fc.string(), (one, other) => {
        const name = pluginSocketName(one);
        expect(name).to.match(/^nsm-[A-Za-z0-9._-]{1,57}$/);
        expect(name === pluginSocketName(other)).to.equal(one === other);
      }),
    );
    expect(pluginSocketName('a/b')).to.not.equal(pluginSocketName('a_b'));
  });

  it("fits into kubelet's own folder for the longest resource name", () => {
    const longest = `${'a'.repeat(63)}.${'b'.repeat(63)}.${'c'.repeat(63)}.${'d'.repeat(52)}/${'E'.repeat(63)}`;
    expect(`/var/lib/kubelet/device-plugins/${pluginSocketName(longest)}`.length).to.be.at.most(107);
  });

  describe('on disk', () => {
    let folder: string;

    beforeEach(async () => {
      folder = await mkdtemp(join(tmpdir(), 'socket-'));
    });

    afterEach(async () => {
      await rm(folder, { recursive: true });
    });

    it('is another one when it was made again, whatever its inode number', async () => {
      const path = join(folder, 'file');
      const seen = new Set<string | undefined>([await fileIdentity(path)]);
      for (let n = 0; n < 5; n++) {
        await writeFile(path, '');
        seen.add(await fileIdentity(path));
        await rm(path);
      }
      expect(seen.size).to.equal(6);
    });

    it('is not made where something else than a socket is', async () => {
      const path = join(folder, 'file');
      await writeFile(path, 'precious');
      const failure = await clearStaleSocket(path).catch((thrown: unknown) => thrown);
      expect(failure).to.include({ kind: 'exists', message: `${path} is in the way: it is not a socket` });
    });
  });
});
