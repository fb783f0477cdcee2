import { expect } from 'chai';
import { HeldNamespaces } from '../../src/mechanism/held-namespaces.js';
import { SimNode } from '../sim/node.js';

/** A node with one client, and an opener of its namespace. */
function client() {
  const node = new SimNode();
  node.addNamespace('/sim/ns/a');
  return { node, open: () => node.namespaces.open('/sim/ns/a'), held: new HeldNamespaces() };
}

describe('HeldNamespaces', () => {
  it('B30, F5: keeps one handle for all holders and closes it with the last', () => {
    const { node, open, held } = client();
    const first = held.hold(open(), 'c1');
    expect(held.hold(open(), 'c2')).to.equal(first);
    expect(node.openHandles()).to.equal(1);
    expect(held.holders(first.id)).to.equal(2);
    held.drop(first.id, 'c1');
    expect(held.find(first.id)).to.equal(first);
    held.drop(first.id, 'c2');
    expect(held.find(first.id)).to.equal(undefined);
    expect(node.openHandles()).to.equal(0);
    expect(held.size).to.equal(0);
  });

  it('counts a holder once, and dropping twice or what is not held does nothing', () => {
    const { node, open, held } = client();
    const { id } = held.hold(open(), 'c1');
    held.hold(open(), 'c1');
    held.hold(open(), 'c2');
    held.drop(id, 'c1');
    held.drop(id, 'c1');
    held.drop(id, 'c3');
    expect(node.openHandles()).to.equal(1);
    held.drop(id, 'c2');
    held.drop(id, 'c2');
    expect(node.openHandles()).to.equal(0);
  });

  it('B15, B16: says so when a namespace is not held', () => {
    const { open, held } = client();
    using namespace = open();
    expect(() => held.get(namespace.id)).to.throw(`network namespace ${namespace.id} is not held`);
  });

  it('counts whom a former process held it for, and keeps it open for them', () => {
    const { node, open, held } = client();
    using id = open();
    held.expect(id.id, 'c1');
    expect([held.holders(id.id), held.isHolder(id.id, 'c1'), held.find(id.id)]).to.deep.equal([1, false, undefined]);
    held.hold(open(), 'c2');
    expect([held.holders(id.id), held.isHolder(id.id, 'c1')]).to.deep.equal([2, false]);
    held.drop(id.id, 'c2');
    expect(held.find(id.id)?.id).to.equal(id.id);
    held.drop(id.id, 'c1');
    expect([held.size, node.openHandles()]).to.deep.equal([0, 1]);
  });

  it('shows a namespace to all as long as somebody looks, and keeps it only if somebody holds it then', () => {
    const { node, open, held } = client();
    const one = open();
    const first = held.show(one);
    const second = held.show(open());
    expect(node.openHandles()).to.equal(1);
    first[Symbol.dispose]();
    expect(held.find(one.id)).to.equal(one);
    second[Symbol.dispose]();
    expect([held.size, node.openHandles()]).to.deep.equal([0, 0]);
    const again = open();
    const third = held.show(again);
    held.hold(again, 'c1');
    third[Symbol.dispose]();
    expect(held.find(again.id)).to.equal(again);
    held.drop(again.id, 'c1');
    expect([held.size, node.openHandles()]).to.deep.equal([0, 0]);
  });

  it('remembers what a setting was before anybody changed it, as long as somebody holds the namespace', () => {
    const { open, held } = client();
    const { id } = held.hold(open(), 'c1');
    expect(held.settingBefore(id, { path: 'a/b', now: '0' })).to.equal('0');
    expect(held.settingBefore(id, { path: 'a/b', now: '1' })).to.equal('0');
    held.drop(id, 'c1');
    held.hold(open(), 'c2');
    expect(held.settingBefore(id, { path: 'a/b', now: '1' })).to.equal('1');
    held.drop(id, 'c2');
  });

  it('lets work in one namespace take turns, also after work that failed', async () => {
    const { open, held } = client();
    const { id } = held.hold(open(), 'c1');
    const log: string[] = [];
    const work = (name: string) => async () => {
      log.push(`${name} begins`);
      await Promise.resolve();
      log.push(`${name} ends`);
      if (name === 'a') throw new Error('a fails');
    };
    const [first] = await Promise.allSettled([held.inTurn(id, work('a')), held.inTurn(id, work('b'))]);
    expect(first.status).to.equal('rejected');
    expect(log).to.deep.equal(['a begins', 'a ends', 'b begins', 'b ends']);
    held.drop(id, 'c1');
  });
});
