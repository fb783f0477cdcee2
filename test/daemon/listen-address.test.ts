import { existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect } from 'chai';
import { isBesideManager, listenAddress } from '../../src/daemon/listen-address.js';

describe('the address to listen on', () => {
  it('S8: is in a fresh folder that nobody else may enter, unless it is configured', async () => {
    const path = ({ url }: { url: string }) => url.slice('unix://'.length);
    let folder: string;
    {
      await using address = await listenAddress(undefined);
      await using other = await listenAddress(undefined);
      folder = dirname(path(address));
      expect(statSync(folder).mode & 0o777).to.equal(0o700);
      expect(dirname(path(other))).not.to.equal(folder);
    }
    expect(existsSync(folder)).to.equal(false);
  });

  it('is left to the operator otherwise', async () => {
    await using address = await listenAddress({ kind: 'unix', path: '/run/nsm/forwarder.sock' });
    expect(address.url).to.equal('unix:///run/nsm/forwarder.sock');
  });

  it('is known to the manager by its path in the folder of its own socket, and nowhere else', () => {
    const unix = (path: string) => ({ kind: 'unix', path }) as const;
    const manager = unix('/run/nsm/nsm.io.sock');
    expect(isBesideManager(unix('/run/nsm/forwarder.sock'), manager)).to.equal(true);
    expect(isBesideManager(unix('/run/nsm/deeper/forwarder.sock'), manager)).to.equal(false);
    expect(isBesideManager(undefined, manager)).to.equal(false);
    expect(isBesideManager(unix('/run/nsm/forwarder.sock'), { kind: 'tcp', host: '::1', port: 1 })).to.equal(false);
  });
});
