import { expect } from 'chai';
import type { Journal } from '../../src/ports/journal.js';
import { journalContract } from '../contract/journal.contract.js';
import { SimNode } from './node.js';

journalContract('SimNode', () => {
  const node = new SimNode();
  return {
    get journal() {
      return node.journal;
    },
    restart: () => node.crash(),
    fill: () => node.faults.failEvery('journal.', 'before'),
    [Symbol.dispose]: () => undefined,
  };
});

describe('the journal of a simulated node', () => {
  let node: SimNode;
  beforeEach(() => {
    node = new SimNode();
  });
  const keys = () => [...node.journal.records().keys()];

  it('counts writes and notes among the calls of the node', () => {
    node.journal.write([{ key: 'entry/1', value: {} }, { key: 'entry/2' }]);
    node.journal.note([{ key: 'entry/1' }]);
    expect(node.faults.calls).to.deep.equal(['journal.write entry/1 entry/2', 'journal.note entry/1']);
  });

  for (const call of ['write', 'note'] as const) {
    it(`lets a crash come before or after a ${call}, which a dead process learns of by a refused write alone`, () => {
      const put = (journal: Journal, key: string) => {
        const attempt = () => journal[call]([{ key, value: {} }]);
        if (call === 'write') expect(attempt).to.throw('crashed');
        else attempt();
      };
      const old = node.journal;
      node.faults.failNext('journal.', 'crash');
      put(old, 'a');
      expect([node.crashes, ...keys()]).to.deep.equal([1]);
      node.faults.failNext('journal.', 'crash-after');
      put(node.journal, 'b');
      expect([node.crashes, ...keys()]).to.deep.equal([2, 'b']);
      put(old, 'c');
      expect(keys()).to.deep.equal(['b']);
    });
  }

  it('refuses the n-th write', () => {
    node.faults.failAt(2, 'before');
    node.journal.write([{ key: 'a', value: {} }]);
    expect(() => node.journal.write([{ key: 'b', value: {} }])).to.throw('cannot be written');
    node.journal.write([{ key: 'c', value: {} }]);
    expect(keys()).to.deep.equal(['a', 'c']);
  });

  it('can leave a refused write on the disk, for a successor to find, until the next write puts that right', () => {
    const refuse = () => {
      node.faults.failNext('journal.write', 'after');
      expect(() => node.journal.write([{ key: 'a', value: {} }])).to.throw('cannot be written');
      expect(keys()).to.deep.equal([]);
    };
    refuse();
    node.journal.write([]);
    node.crash();
    refuse();
    node.crash();
    expect(keys()).to.deep.equal(['a']);
  });
});
