import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire';
import { expect } from 'chai';
import fc from 'fast-check';
import { Connection, ConnectionEvent, PathSegment, State } from '../../apis/generated/connection.js';
import { Timestamp } from '../../apis/generated/google/protobuf/timestamp.js';
import { NetworkServiceRequest } from '../../apis/generated/networkservice.js';

/** A field that no proto of ours knows, as a newer peer would send it. */
function fieldFromTheFuture(bytes: Uint8Array): Uint8Array {
  return new BinaryWriter()
    .uint32((1000 << 3) | WireType.LengthDelimited)
    .bytes(bytes)
    .finish();
}

function valueFromTheFuture(encoded: Uint8Array): Uint8Array | undefined {
  const reader = new BinaryReader(encoded);
  while (reader.pos < reader.len) {
    const [field, wireType] = reader.tag();
    if (field === 1000) return reader.bytes();
    reader.skip(wireType);
  }
  return undefined;
}

const recode = (bytes: Uint8Array) => Connection.encode(Connection.decode(bytes)).finish();

describe('messages pass through decode and encode unharmed', () => {
  it('an unknown field of the message itself survives', () => {
    const sent = Buffer.concat([
      Connection.encode(Connection.create({ id: 'c1' })).finish(),
      fieldFromTheFuture(Buffer.from('new')),
    ]);
    expect(valueFromTheFuture(recode(sent))).to.deep.equal(Uint8Array.from(Buffer.from('new')));
    expect(Connection.decode(recode(sent)).id).to.equal('c1');
  });

  it('an unknown field of a message inside survives', () => {
    const segment = Buffer.concat([
      PathSegment.encode(PathSegment.create({ name: 'nsmgr' })).finish(),
      fieldFromTheFuture(Buffer.from('new')),
    ]);
    const sent = Connection.create({ path: { index: 0, pathSegments: [] } });
    sent.path?.pathSegments.push(PathSegment.decode(segment));
    const received = Connection.decode(recode(Connection.encode(sent).finish()));
    const [inside] = received.path?.pathSegments ?? [];
    expect(inside?.name).to.equal('nsmgr');
    expect(valueFromTheFuture(PathSegment.encode(inside ?? PathSegment.create()).finish())).to.have.length(3);
  });

  it('a state that no proto of ours knows keeps its number', () => {
    const sent = new BinaryWriter()
      .uint32((9 << 3) | WireType.Varint)
      .int32(42)
      .finish();
    expect(Buffer.from(recode(sent))).to.deep.equal(Buffer.from(sent));
  });

  it("a segment's expiry keeps its nanoseconds", () => {
    fc.assert(
      fc.property(
        fc.integer({ min: -62_135_596_800, max: 253_402_300_799 }),
        fc.integer({ min: 0, max: 999_999_999 }),
        (seconds, nanos) => {
          const sent = Connection.create({ path: { pathSegments: [{ name: 's', expires: { seconds, nanos } }] } });
          const received = Connection.decode(Connection.encode(sent).finish());
          const expires = received.path?.pathSegments[0]?.expires;
          expect([expires?.seconds, expires?.nanos]).to.deep.equal([seconds, nanos]);
        },
      ),
    );
  });

  it('seconds that a JavaScript number cannot hold are refused, not rounded', () => {
    const bytes = new BinaryWriter()
      .uint32((1 << 3) | WireType.Varint)
      .int64(2n ** 60n)
      .finish();
    expect(() => Timestamp.decode(bytes)).to.throw('larger than Number.MAX_SAFE_INTEGER');
  });

  it('labels, parameters and events arrive as they were sent', () => {
    fc.assert(
      fc.property(
        // `__proto__` is no key of a plain object; no peer has a use for it.
        fc.dictionary(
          fc.string({ unit: 'grapheme' }).filter((key) => key !== '__proto__'),
          fc.string({ unit: 'grapheme' }),
        ),
        (texts) => {
          const connection = Connection.create({ id: 'c', labels: texts, mechanism: { parameters: texts } });
          const event = ConnectionEvent.create({ connections: { c: connection } });
          const received = ConnectionEvent.decode(ConnectionEvent.encode(event).finish());
          expect({ ...received.connections['c']?.labels }).to.deep.equal({ ...texts });
          expect({ ...received.connections['c']?.mechanism?.parameters }).to.deep.equal({ ...texts });
        },
      ),
    );
  });

  it('what is unset stays unset', () => {
    const received = NetworkServiceRequest.decode(new Uint8Array());
    expect(received.connection).to.equal(undefined);
    expect(Connection.create().state).to.equal(State.UP);
    expect(NetworkServiceRequest.encode(received).finish()).to.have.length(0);
  });

  it('a cut-off message is refused', () => {
    const whole = Connection.encode(Connection.create({ id: 'c1', networkService: 'ns' })).finish();
    expect(() => Connection.decode(whole.subarray(0, whole.length - 1))).to.throw(RangeError);
  });
});
