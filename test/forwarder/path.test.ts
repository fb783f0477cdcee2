import { expect } from 'chai';
import { Connection, type PathSegment } from '../../apis/generated/connection.js';
import { enterPath, leavePath, segment } from '../../src/forwarder/chain/path.js';
import { ForwarderError } from '../../src/ports/error.js';

function connection(id: string, index: number, pathSegments: PathSegment[]): Connection {
  return { ...Connection.fromPartial({}), id, path: { index, pathSegments } };
}

let made = 0;
const own = { name: 'fwd', newId: () => `new-${++made}`, isKnown: (id: string) => id === 'held' };

describe('path', () => {
  beforeEach(() => {
    made = 0;
  });

  it('starts a path for a connection that has none, under its own id', () => {
    const { connection: entered, caller } = enterPath({ ...Connection.fromPartial({}), id: 'c' }, own);
    expect(caller).to.equal(undefined);
    expect(entered.path).to.deep.include({ index: 0, pathSegments: [segment('fwd', 'c')] });
  });

  it('adds our segment behind the caller with a new id', () => {
    const { connection: entered, caller } = enterPath(connection('U1', 0, [segment('nsmgr', 'U1')]), own);
    expect(caller).to.deep.equal({ id: 'U1', index: 0 });
    expect(entered).to.deep.include({ id: 'new-1' });
    expect(entered.path).to.deep.include({ index: 1, pathSegments: [segment('nsmgr', 'U1'), segment('fwd', 'new-1')] });
  });

  it('keeps the id of our segment on a refresh, and what lies beyond', () => {
    const segments = [segment('nsmgr', 'U1'), segment('fwd', 'U2'), segment('nse', 'U3')];
    const { connection: entered } = enterPath(connection('U1', 0, segments), own);
    expect(entered).to.deep.include({ id: 'U2' });
    expect(entered.path?.pathSegments).to.deep.equal(segments);
  });

  it("takes another forwarder's segment over with a new id and leaves the rest of it", () => {
    const old = { ...segment('old-fwd', 'U2'), metrics: { server_interface: 'KERNEL/nsm-1' } };
    const segments = [segment('nsmgr', 'U1'), old, segment('nse', 'U3')];
    const { connection: entered } = enterPath(connection('U1', 0, segments), own);
    expect(entered.path?.pathSegments[1]).to.deep.equal({ ...old, name: 'fwd', id: 'new-1' });
    expect(entered.path?.pathSegments[2]).to.deep.equal(segments[2]);
  });

  it('keeps the id of a connection that is held here, whatever name we had when it was made', () => {
    const segments = [segment('nsmgr', 'U1'), segment('old-fwd', 'held'), segment('nse', 'U3')];
    const { connection: entered } = enterPath(connection('U1', 0, segments), own);
    expect(entered).to.deep.include({ id: 'held' });
    expect(entered.path?.pathSegments[1]).to.deep.equal(segment('fwd', 'held'));
  });

  it('answers with the id and index of the caller and the whole path', () => {
    const answer = connection('U2', 1, [segment('nsmgr', 'U1'), segment('fwd', 'U2'), segment('nse', 'U3')]);
    const left = leavePath(answer, { id: 'U1', index: 0 });
    expect(left).to.deep.include({ id: 'U1' });
    expect(left.path).to.deep.include({ index: 0, pathSegments: answer.path?.pathSegments });
  });

  it('refuses an index beyond the path', () => {
    expect(() => enterPath(connection('U1', 7, [segment('nsmgr', 'U1')]), own)).to.throw(
      ForwarderError,
      'path index 7 is beyond the path, which has 1 segments',
    );
  });

  it("refuses a connection whose id is not its segment's", () => {
    expect(() => enterPath(connection('X', 0, [segment('nsmgr', 'U1')]), own)).to.throw(
      ForwarderError,
      'path segment 0 has the id "U1", but the connection has "X"',
    );
  });
});
