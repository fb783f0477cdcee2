import { expect } from 'chai';
import { Connection } from '../../../apis/generated/connection.js';
import { ConnectionRecords } from '../../../src/forwarder/chain/connection-records.js';
import { segment } from '../../../src/forwarder/chain/path.js';
import { SimNode } from '../../sim/node.js';

const connection: Connection = {
  ...Connection.fromPartial({}),
  id: 'own-1',
  networkService: 'service',
  path: { index: 1, pathSegments: [segment('client', 'client-1'), segment('forwarder', 'own-1')] },
};

function encoded(it: Connection | undefined): Buffer | undefined {
  return it && Buffer.from(Connection.encode(it).finish());
}

describe('ConnectionRecords', () => {
  const record = { established: { connection, expires: 5 }, memory: new Map([['key', { a: [1, undefined, null] }]]) };

  it('give a later process what was put', () => {
    const node = new SimNode();
    new ConnectionRecords(node.journal).put('own-1', record, true);
    node.crash();
    const read = new ConnectionRecords(node.journal).all().get('own-1');
    expect(read?.established.expires).to.equal(5);
    expect(encoded(read?.established.connection)).to.deep.equal(encoded(connection));
    expect(read?.established.connection.id).to.equal('own-1');
    expect([...(read?.memory ?? [])]).to.deep.equal([['key', { a: [1, null, null] }]]);
  });

  it('keep fields that this version does not know', () => {
    const node = new SimNode();
    const wire = Buffer.concat([Buffer.from(Connection.encode(connection).finish()), Buffer.from([0xf8, 0x06, 0x2a])]);
    const established = { connection: Connection.decode(wire) };
    new ConnectionRecords(node.journal).put('own-1', { established, memory: new Map() }, true);
    const read = new ConnectionRecords(node.journal).all().get('own-1');
    expect(encoded(read?.established.connection)).to.deep.equal(wire);
  });

  it('refuse what must be written and cannot be, and follow later with what need not', () => {
    const node = new SimNode();
    const records = new ConnectionRecords(node.journal);
    const full = node.faults.failEvery('journal.', 'before');
    expect(() => records.put('own-1', record, true)).to.throw('cannot be written');
    expect(records.all().size).to.equal(0);
    records.put('own-1', record, false);
    expect([...records.all().keys()]).to.deep.equal(['own-1']);
    full[Symbol.dispose]();
    records.erase('other');
    node.crash();
    expect([...new ConnectionRecords(node.journal).all().keys()]).to.deep.equal(['own-1']);
  });

  it('are gone when erased', () => {
    const node = new SimNode();
    const records = new ConnectionRecords(node.journal);
    records.put('own-1', record, true);
    records.erase('own-1');
    expect(records.all().size).to.equal(0);
  });
});
