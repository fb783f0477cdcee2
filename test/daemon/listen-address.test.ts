import { existsSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { expect } from 'chai';
import { listenAddress } from '../../src/daemon/listen-address.js';

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
});
