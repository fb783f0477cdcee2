import { expect } from 'chai';
import { clientAllowed, connectionOwned, serviceConnection } from '../../src/policies/ownership-policies.js';
import type { PolicyInput } from '../../src/policies/policy.js';
import { now, Signer } from './signer.js';

const peer = new Signer('manager');
const [client, other, manager, newManager, stranger] = ['client', 'other', 'manager', 'manager-2', 'stranger'].map(
  (name) => `spiffe://test/${name}`,
) as [string, string, string, string, string];

function input(given: Partial<PolicyInput>): PolicyInput {
  return { tokens: [], index: 0, peer, now, ...given };
}

describe('server/connection_owned', () => {
  const owner = { caller: manager, origin: client };
  const objection = (asker: { caller: string; origin: string }, more: { manager?: string } = {}) =>
    connectionOwned.objection(input({ connection: { asker, owner, ...more } }));

  it('lets a connection be refreshed and closed by whoever made it', () => {
    expect(objection(owner)).to.equal(undefined);
  });

  it('lets nobody else call for it, whatever client the path names', () => {
    expect(objection({ caller: stranger, origin: client })).to.equal(`the connection was made through ${manager}`);
  });

  it("lets no other client have it through the same manager: the client's token says who it is", () => {
    expect(objection({ caller: manager, origin: other })).to.equal(`the connection belongs to ${client}`);
  });

  it("lets our own manager go on with it under another identity, as when its pod was replaced, for the client's sake alone", () => {
    expect(objection({ caller: newManager, origin: client }, { manager: newManager })).to.equal(undefined);
    expect(objection({ caller: newManager, origin: other }, { manager: newManager })).to.include(client);
  });

  it('has no objection to a connection that nobody has yet', () => {
    expect(connectionOwned.objection(input({ connection: { asker: owner } }))).to.equal(undefined);
  });
});

describe('registry/client_allowed', () => {
  it('accepts a new name, and a refresh by whoever has it', () => {
    expect(clientAllowed.objection(input({ registration: { id: client } }))).to.equal(undefined);
    expect(clientAllowed.objection(input({ registration: { id: client, owner: client } }))).to.equal(undefined);
  });

  it('refuses a name that is somebody else’s', () => {
    expect(clientAllowed.objection(input({ registration: { id: other, owner: client } }))).to.include(client);
  });
});

describe('monitor/service_connection', () => {
  const objection = (own: string[], others: string[]) =>
    serviceConnection.objection(input({ monitor: { own, others } }));

  it('S6: lets connections be watched by whoever made them', () => {
    expect(objection(['two'], ['one'])).to.equal(undefined);
  });

  it('S6: refuses a monitor that names connections of others', () => {
    expect(objection([], ['one'])).to.equal('the named connections were made by others');
  });

  it('has no objection to a monitor that names none, or one that is not there yet: it is shown its own', () => {
    expect(objection([], [])).to.equal(undefined);
  });
});

it('policies have no objection to calls of another kind', () => {
  for (const policy of [connectionOwned, clientAllowed, serviceConnection]) {
    expect(policy.objection(input({})), policy.name).to.equal(undefined);
  }
});
