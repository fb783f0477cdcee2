import { status } from '@grpc/grpc-js';
import { expect } from 'chai';
import fc from 'fast-check';
import { type ErrorKind, ForwarderError } from '../../src/ports/error.js';
import { derElements } from '../../src/transport/der.js';
import { grpcTarget, parseEndpointAddress } from '../../src/transport/endpoint-address.js';
import { formatGoTime, parseGoTime } from '../../src/transport/go-time.js';
import { fromServiceError, toServiceError } from '../../src/transport/grpc-status.js';
import { trustDomainOf } from '../../src/transport/spiffe-id.js';

const codes: Readonly<Record<ErrorKind, string>> = {
  invalid: 'INVALID_ARGUMENT',
  'not-found': 'NOT_FOUND',
  exists: 'ALREADY_EXISTS',
  busy: 'ABORTED',
  refused: 'FAILED_PRECONDITION',
  denied: 'PERMISSION_DENIED',
  unauthenticated: 'UNAUTHENTICATED',
  unsupported: 'UNIMPLEMENTED',
  exhausted: 'RESOURCE_EXHAUSTED',
  'timed-out': 'DEADLINE_EXCEEDED',
  cancelled: 'CANCELLED',
  unavailable: 'UNAVAILABLE',
  unknown: 'UNKNOWN',
};

describe('gRPC status', () => {
  for (const [kind, code] of Object.entries(codes) as [ErrorKind, string][]) {
    it(`${kind} is ${code}, both ways`, () => {
      const sent = toServiceError(new ForwarderError(kind, 'the message'));
      expect(status[sent.code]).to.equal(code);
      expect(fromServiceError(sent)).to.include({ kind, message: 'the message' });
    });
  }

  it('fits into the headers of an answer, whatever alphabet its message is in', () => {
    const { details } = toServiceError(new ForwarderError('invalid', '\u4e2d'.repeat(12_000)));
    expect(encodeURIComponent(details).length).to.be.lessThan(40_000);
  });

  it('is UNKNOWN for what nobody foresaw, and unknown for what we do not use', () => {
    expect(toServiceError(new Error('boom'))).to.include({ code: status.UNKNOWN, details: 'boom' });
    for (const code of [status.INTERNAL, status.DATA_LOSS]) {
      expect(fromServiceError({ ...toServiceError('x'), code })).to.have.property('kind', 'unknown');
    }
  });
});

describe('Go time', () => {
  for (const [text, ms] of [
    ['2026-11-21T08:00:00Z', '2026-11-21T08:00:00.000Z'],
    ['2026-11-21T08:00:00.123456789+02:00', '2026-11-21T06:00:00.123Z'],
    ['2026-11-21T08:00:00.1-07:00', '2026-11-21T15:00:00.100Z'],
  ] as const) {
    it(`${text} is ${ms}`, () => expect(parseGoTime(text)).to.equal(Date.parse(ms)));
  }

  it('reads what it writes', () => {
    const times = fc.integer({ min: 0, max: 4_000_000_000_000 });
    fc.assert(fc.property(times, (time) => parseGoTime(formatGoTime(time)) === time));
  });

  for (const wrong of ['', 'now', '2026-11-21', '2026-11-21T08:00:00', '2026-13-21T08:00:00Z', '1795248000']) {
    it(`refuses ${JSON.stringify(wrong)}`, () => expect(() => parseGoTime(wrong)).to.throw(ForwarderError, 'RFC 3339'));
  }
});

describe('SPIFFE ID', () => {
  it('has a trust domain', () => {
    expect(trustDomainOf('spiffe://k8s.nsm/ns/default/pod/x')).to.equal('k8s.nsm');
    expect(trustDomainOf('spiffe://k8s.nsm')).to.equal('k8s.nsm');
  });

  for (const wrong of [
    '',
    'https://x/',
    'spiffe://',
    'spiffe://K8S/x',
    'spiffe://a/x/',
    'spiffe://a//x',
    'spiffe://a/../x',
    'spiffe://a/x?y',
    'spiffe://a:1/x',
    `spiffe://a/${'x'.repeat(2048)}`,
  ]) {
    it(`is not ${JSON.stringify(wrong.slice(0, 30))}`, () =>
      expect(() => trustDomainOf(wrong)).to.throw(ForwarderError, 'SPIFFE ID'));
  }
});

describe('DER', () => {
  it('splits elements of any length', () => {
    const element = fc.uint8Array({ maxLength: 400 }).map(encode);
    fc.assert(
      fc.property(fc.array(element, { maxLength: 5 }), (elements) => {
        const split = derElements(Buffer.concat(elements)).map(({ whole }) => Buffer.from(whole));
        expect(split).to.deep.equal(elements);
      }),
    );
  });

  it('never reads past the end', () => {
    fc.assert(
      fc.property(fc.uint8Array({ maxLength: 40 }), (bytes) => {
        try {
          expect(Buffer.concat(derElements(bytes).map(({ whole }) => whole))).to.deep.equal(Buffer.from(bytes));
        } catch (error) {
          expect(error).to.be.instanceOf(ForwarderError);
        }
      }),
    );
  });
});

describe('an endpoint address', () => {
  for (const [text, target] of [
    ['unix:///run/a.sock', 'unix:/run/a.sock'],
    ['unix:/run/a.sock', 'unix:/run/a.sock'],
    ['unix:///proc/self/fd/7', 'unix:/proc/self/fd/7'],
    ['tcp://10.0.0.1:5001', '10.0.0.1:5001'],
    ['tcp://nsmgr:5001', 'nsmgr:5001'],
    ['tcp://[::1]:5001', '[::1]:5001'],
    ['registry:5002', 'registry:5002'],
  ] as const) {
    it(`${text} is ${target} for gRPC`, () => expect(grpcTarget(parseEndpointAddress(text))).to.equal(target));
  }
});

function encode(content: Uint8Array): Buffer {
  const { length } = content;
  const header = length < 0x80 ? [0x30, length] : [0x30, 0x82, length >> 8, length & 0xff];
  return Buffer.concat([Buffer.from(header), content]);
}
