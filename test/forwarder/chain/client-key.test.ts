import { expect } from 'chai';
import { Connection, type Mechanism } from '../../../apis/generated/connection.js';
import { clientKey } from '../../../src/forwarder/chain/client-key.js';
import { segment } from '../../../src/forwarder/chain/path.js';

const kernel = (parameters: Record<string, string>): Mechanism => ({ cls: 'LOCAL', type: 'KERNEL', parameters });

/** A connection at the forwarder, which is behind the client and its manager. */
function connection(more: Partial<Connection> = {}, ids = ['client-1', 'manager-1', 'own-1']): Connection {
  const pathSegments = ids.map((id, i) => segment(['client', 'manager', 'forwarder'][i] ?? '', id));
  return { ...Connection.fromPartial({}), path: { index: 2, pathSegments }, ...more };
}

describe('what a connection is known by when components on the way restart', () => {
  it('the token and the client’s own segment, whatever the segments between are called', () => {
    const mechanism = kernel({ tokenID: 'token-1' });
    const key = clientKey(connection({ mechanism }));
    expect(key).to.equal('token-1 client-1');
    expect(clientKey(connection({ mechanism }, ['client-1', 'another', 'altogether']))).to.equal(key);
    expect(clientKey(connection({ mechanism }, ['client-2', 'manager-1', 'own-1']))).not.to.equal(key);
  });

  it('is in the preferences of a first Request, and in the mechanism of a later one', () => {
    const preferences = [kernel({}), kernel({ tokenID: 'token-1' })];
    expect(clientKey(connection(), preferences)).to.equal('token-1 client-1');
    expect(clientKey(connection({ mechanism: kernel({ tokenID: 'token-2' }) }), preferences)).to.equal(
      'token-2 client-1',
    );
  });

  it('is nothing without a token, or when nobody is before us', () => {
    expect(clientKey(connection({ mechanism: kernel({ tokenID: '' }) }))).to.equal(undefined);
    expect(clientKey(connection(), [])).to.equal(undefined);
    const path = { index: 0, pathSegments: [segment('forwarder', 'own-1')] };
    expect(clientKey(connection({ path, mechanism: kernel({ tokenID: 'token-1' }) }))).to.equal(undefined);
  });
});
