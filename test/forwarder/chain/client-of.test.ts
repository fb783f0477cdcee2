import { expect } from 'chai';
import { Connection } from '../../../apis/generated/connection.js';
import { clientOf } from '../../../src/forwarder/chain/client-of.js';
import { segment } from '../../../src/forwarder/chain/path.js';
import { Signer } from '../../policies/signer.js';

const [client, manager, victim] = ['client', 'manager', 'victim'].map((name) => new Signer(name)) as [
  Signer,
  Signer,
  Signer,
];

/** Who the client is of a connection whose path before us has these tokens. */
function clientBehind(tokens: readonly string[], caller = manager): string | undefined {
  const before = tokens.map((token, i) => ({ ...segment(`component-${i}`, `${i}`), token }));
  const path = { index: before.length, pathSegments: [...before, segment('forwarder', 'own')] };
  return clientOf({
    connection: Connection.fromPartial({ id: 'own', path }),
    caller: { spiffeId: caller.spiffeId, receive: () => Promise.reject(new Error('nothing is passed')) },
  });
}

describe('whose a token is to be', () => {
  it("S4: the client's by its certificate, where it calls us itself, whatever its token says and whatever the policies are", () => {
    for (const token of [victim.for(manager).text, client.for(manager, { sub: victim.spiffeId }).text, '']) {
      expect(clientBehind([token], client)).to.equal(client.spiffeId);
    }
  });

  it('the client that the caller vouches for, where others are between: the first token names it', () => {
    expect(clientBehind([client.for(manager).text, manager.for(client).text])).to.equal(client.spiffeId);
  });

  it("nobody's, where the first token is none", () => {
    expect(clientBehind(['', manager.for(client).text])).to.equal(undefined);
  });
});
