import { expect } from 'chai';
import { Connection } from '../../apis/generated/connection.js';
import { keepFormerNames } from '../../src/daemon/former-names.js';
import { ConnectionEvents } from '../../src/forwarder/chain/connection-events.js';
import type { Log } from '../../src/ports/log.js';

const log: Log = {
  debug: () => undefined,
  info: () => undefined,
  warn: () => undefined,
  error: () => undefined,
  with: () => log,
};

function world(names: readonly string[]) {
  const former = new Set(names);
  const events = new ConnectionEvents(log);
  const calls: string[] = [];
  const registrations = {
    add: async (name: string) => void calls.push(`add ${name}`),
    remove: async (name: string) => void calls.push(`remove ${name}`),
  };
  const forwarder = { formerNames: () => former, events };
  const kept = keepFormerNames({ forwarder, registrations, log, signal: new AbortController().signal });
  const change = () => events.publish({ type: 'update', connection: Connection.fromPartial({}) });
  return { former, events, calls, kept, change };
}

describe('the names of former processes', () => {
  it('are registered at once, and taken back when no connection goes by them any more', () => {
    const { former, calls, change } = world(['old', 'older']);
    expect(calls).to.deep.equal(['add old', 'add older']);
    change();
    expect(calls).to.have.lengthOf(2);
    former.delete('old');
    change();
    change();
    expect(calls.slice(2)).to.deep.equal(['remove old']);
    former.delete('older');
    change();
    expect(calls.slice(3)).to.deep.equal(['remove older']);
  });

  it('cost nothing where there are none, and nothing is left of the looking', () => {
    const { calls, events, kept, change } = world([]);
    change();
    expect(calls).to.be.empty;
    kept[Symbol.dispose]();
    expect(events.size).to.equal(0);
  });
});
