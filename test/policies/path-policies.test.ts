import { expect } from 'chai';
import type { PathToken } from '../../src/policies/jwt.js';
import { readToken } from '../../src/policies/jwt.js';
import {
  nextTokenSigned,
  prevTokenSigned,
  tokensChained,
  tokensExpired,
  tokensValid,
} from '../../src/policies/path-policies.js';
import type { Policy, PolicyInput } from '../../src/policies/policy.js';
import { forged, now, Signer } from './signer.js';

const client = new Signer('client');
const manager = new Signer('manager');
const forwarder = new Signer('forwarder');
const stranger = new Signer('stranger');

/** The left side of a path as a forwarder sees it: client, manager, itself. */
const usual = [client.for(manager), manager.for(forwarder), forwarder.for(manager)];

function input(tokens: readonly PathToken[], given: Partial<PolicyInput> = {}): PolicyInput {
  return { tokens, index: tokens.length - 1, peer: manager, now, ...given };
}

function with_(position: number, token: PathToken): PathToken[] {
  return usual.map((it, i) => (i === position ? token : it));
}

const all: readonly Policy[] = [tokensValid, tokensChained, tokensExpired, prevTokenSigned];

describe('policies for paths', () => {
  it('accept what NSM components send', () => {
    for (const policy of all) expect(policy.objection(input(usual)), policy.name).to.equal(undefined);
  });

  it('accept a client without components before it', () => {
    const direct = [client.for(forwarder), forwarder.for(client)];
    for (const policy of all) {
      expect(policy.objection(input(direct, { peer: client })), policy.name).to.equal(undefined);
    }
  });

  it('name the segment and never the token', () => {
    const refused = [
      tokensValid.objection(input(with_(0, readToken('secret')))),
      tokensChained.objection(input(with_(0, client.for(stranger)))),
      tokensExpired.objection(input(with_(1, manager.for(forwarder, { exp: now / 1000 })))),
      prevTokenSigned.objection(input(with_(1, forged(usual[1] as PathToken, { exp: 1 })))),
    ];
    expect(refused).to.deep.equal([
      'path segment 0 has no token, or none that is a JWT',
      'the token of path segment 0 is not meant for the component of segment 1',
      'the token of path segment 1 has expired or is not yet good',
      'the token of path segment 1 is not signed by the caller',
    ]);
  });
});

describe('common/tokens_valid', () => {
  it('refuses a segment without a token, wherever it is', () => {
    for (const i of [0, 1, 2]) expect(tokensValid.objection(input(with_(i, readToken(''))))).to.include(`segment ${i}`);
  });

  it('has no objection to an empty path', () => {
    expect(tokensValid.objection(input([], { index: 0 }))).to.equal(undefined);
  });
});

describe('common/tokens_chained', () => {
  it('refuses a token that is meant for somebody else, for nobody, or for a name that is no list', () => {
    for (const aud of [[stranger.spiffeId], [], undefined, manager.spiffeId]) {
      expect(tokensChained.objection(input(with_(0, client.for(manager, { aud }))))).to.include('segment 0');
    }
  });

  it('accepts a token that is meant for several', () => {
    const aud = [stranger.spiffeId, manager.spiffeId];
    expect(tokensChained.objection(input(with_(0, client.for(manager, { aud }))))).to.equal(undefined);
  });

  it('has no objection to fewer than two segments', () => {
    expect(tokensChained.objection(input([readToken('')]))).to.equal(undefined);
  });
});

describe('common/tokens_expired', () => {
  it('counts the last millisecond before the end as good, and the end not', () => {
    const ends = with_(0, client.for(manager, { exp: now / 1000 }));
    expect(tokensExpired.objection(input(ends, { now: now - 1 }))).to.equal(undefined);
    expect(tokensExpired.objection(input(ends))).to.include('segment 0');
  });

  it('refuses a token without an end, or with one that is no number', () => {
    for (const exp of [undefined, '99999999999']) {
      expect(tokensExpired.objection(input(with_(1, manager.for(forwarder, { exp }))))).to.include('segment 1');
    }
  });

  it('refuses a token that is not yet good', () => {
    const later = with_(1, manager.for(forwarder, { nbf: now / 1000 + 1 }));
    expect(tokensExpired.objection(input(later))).to.include('segment 1');
    expect(tokensExpired.objection(input(later, { now: now + 1_000 }))).to.equal(undefined);
  });
});

describe('server/prev_token_signed', () => {
  it("refuses a token that somebody else signed, also in the caller's name", () => {
    for (const token of [stranger.for(forwarder), stranger.for(forwarder, { sub: manager.spiffeId })]) {
      expect(prevTokenSigned.objection(input(with_(1, token)))).to.include('segment 1');
    }
  });

  it("refuses a token that the caller signed in somebody else's name", () => {
    expect(prevTokenSigned.objection(input(with_(1, manager.for(forwarder, { sub: client.spiffeId }))))).to.include(
      'segment 1',
    );
  });

  it('A2: refuses a call that begins with us: nobody has signed it', () => {
    expect(prevTokenSigned.objection(input([forwarder.for(manager)]))).to.equal('nobody is before us on the path');
  });
});

describe('client/next_token_signed', () => {
  const answer = [forwarder.for(manager), manager.for(forwarder)];

  it('accepts an answer whose token whoever answered has signed', () => {
    expect(nextTokenSigned.objection(input(answer, { index: 0 }))).to.equal(undefined);
  });

  it('refuses an answer without one, as from a registry that sends no path', () => {
    expect(nextTokenSigned.objection(input([], { index: 0 }))).to.include('no path segment');
  });

  it('refuses a token that somebody else signed', () => {
    expect(
      nextTokenSigned.objection(input([forwarder.for(manager), stranger.for(forwarder)], { index: 0 })),
    ).to.include('segment 1');
  });
});
