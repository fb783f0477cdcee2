import { expect } from 'chai';
import { TokenUsers } from '../../src/resourcepool/token-users.js';
import { SimNode } from '../sim/node.js';
import { tokenId } from './nodes.js';

const [token, other] = [tokenId(1), tokenId(2)] as const;
const anna = { name: 'd/intel', user: 'spiffe://test/anna' };
const bert = { name: 'd/intel', user: 'spiffe://test/bert' };

describe('the users of tokens', () => {
  let node: SimNode;
  let users: TokenUsers;

  beforeEach(() => {
    node = new SimNode();
    users = new TokenUsers(node.journal);
  });

  it('S4: a token serves its first user and nobody else, and the message names the asking one only', () => {
    users.admit(token, anna.user);
    users.bind(token, anna);
    users.admit(token, anna.user);
    expect(() => users.admit(token, bert.user))
      .to.throw(/serves the first client that used it, and spiffe:\/\/test\/bert is another one/)
      .with.property('kind', 'denied');
    expect(() => users.admit(token, bert.user)).not.to.throw(/anna/);
    users.admit(other, bert.user);
  });

  it('stay the first ones when a token is bound again', () => {
    users.bind(token, anna);
    users.bind(token, bert);
    expect(users.userOf(token)).to.equal(anna.user);
  });

  it('change when kubelet takes the token back or gives it to a container anew', () => {
    users.bind(token, anna);
    users.release([other, token]);
    users.admit(token, bert.user);
    users.bind(token, bert);
    expect(users.userOf(token)).to.equal(bert.user);
  });

  it('are known to the next process, with the names of their tokens', () => {
    users.bind(token, anna);
    users.bind(other, { ...bert, name: 'd/10G' });
    users.release([other]);
    node.crash();
    const next = new TokenUsers(node.journal);
    expect(next.userOf(token)).to.equal(anna.user);
    expect([...next.remembered()]).to.deep.equal([['d/intel', [token]]]);
  });

  it('are not bound when that cannot be put on record', () => {
    node.faults.failNext('journal.write', 'before');
    expect(() => users.bind(token, anna))
      .to.throw()
      .with.property('kind', 'exhausted');
    users.admit(token, bert.user);
  });

  it('are forgotten with tokens that are none any more, and records of other make are left alone', () => {
    node.journal.write([
      { key: `token/${other}`, value: { name: 'd/intel' } },
      { key: 'entry/1', value: { name: 'd/intel', user: 'x' } },
    ]);
    users = new TokenUsers(node.journal);
    users.bind(token, anna);
    users.prune((each) => each !== token);
    expect([...node.journal.records().keys()]).to.deep.equal([`token/${other}`, 'entry/1']);
    expect([...users.remembered()]).to.deep.equal([]);
  });
});
