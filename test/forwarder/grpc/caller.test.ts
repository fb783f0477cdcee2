import { expect } from 'chai';
import { callerOf } from '../../../src/forwarder/grpc/caller.js';
import type { Headers } from '../../../src/transport/service.js';
import { incoming, manager } from './incoming.js';

const token = { 'nsm-client-token': 'abc' };
const expires = '2030-01-01T00:10:00.123456789Z';

describe('callerOf', () => {
  it('knows the peer by its certificate, and its deadline', () => {
    const caller = callerOf(incoming({ deadline: 42 }));
    expect(caller).to.deep.include({ spiffeId: manager.spiffeId, certificateEnd: manager.notAfter, deadline: 42 });
    expect(callerOf(incoming())).not.to.have.property('deadline');
  });

  it('takes a token with its end', () => {
    const { token: taken } = callerOf(incoming({ metadata: { ...token, 'nsm-client-token-expires': expires } }));
    expect(taken).to.deep.equal({ value: 'abc', expires: Date.UTC(2030, 0, 1, 0, 10, 0, 123) });
  });

  const halves: readonly [title: string, metadata: Headers][] = [
    ['no token', {}],
    ['a token without an end', token],
    ['an end without a token', { 'nsm-client-token-expires': expires }],
    ['an end that is no time', { ...token, 'nsm-client-token-expires': 'soon' }],
  ];
  for (const [title, metadata] of halves) {
    it(`${title} counts as none`, () => {
      expect(callerOf(incoming({ metadata }))).not.to.have.property('token');
    });
  }
});
