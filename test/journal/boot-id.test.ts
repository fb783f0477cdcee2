import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import { readBootId } from '../../src/journal/boot-id.js';
import { ForwarderError } from '../../src/ports/error.js';
import { temporaryFolder } from './folders.js';

describe('the boot id', () => {
  it('is that of the running kernel, the same every time', () => {
    expect(readBootId())
      .to.match(/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/)
      .and.to.equal(readBootId());
  });

  it('is asked for by its path', () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'boot_id');
    writeFileSync(path, 'some boot\n');
    expect(readBootId(path)).to.equal('some boot');
  });

  it('is unsupported where the kernel does not tell it, by its path', () => {
    using folder = temporaryFolder();
    const path = join(folder.path, 'boot_id');
    expect(() => readBootId(path))
      .to.throw(ForwarderError, path)
      .with.property('kind', 'unsupported');
    writeFileSync(path, '\n');
    expect(() => readBootId(path))
      .to.throw(ForwarderError, `${path} is empty`)
      .with.property('kind', 'unsupported');
  });
});
