import { Metadata, type ServiceError, status } from '@grpc/grpc-js';
import { type ErrorKind, ForwarderError, toForwarderError } from '../ports/error.js';
import { shortText } from '../ports/short-text.js';

/**
 * Our kinds of failure on the wire, one code each, so that a kind survives the way through a forwarder like us. `busy` is
 * ABORTED: UNAVAILABLE would tell clients that nobody is there.
 */
const codeOfKind: Readonly<Record<ErrorKind, status>> = {
  invalid: status.INVALID_ARGUMENT,
  'not-found': status.NOT_FOUND,
  exists: status.ALREADY_EXISTS,
  busy: status.ABORTED,
  refused: status.FAILED_PRECONDITION,
  denied: status.PERMISSION_DENIED,
  unauthenticated: status.UNAUTHENTICATED,
  unsupported: status.UNIMPLEMENTED,
  exhausted: status.RESOURCE_EXHAUSTED,
  'timed-out': status.DEADLINE_EXCEEDED,
  cancelled: status.CANCELLED,
  unavailable: status.UNAVAILABLE,
  unknown: status.UNKNOWN,
};

const kindOfCode: ReadonlyMap<number, ErrorKind> = new Map<number, ErrorKind>([
  ...(Object.entries(codeOfKind) as [ErrorKind, status][]).map(([kind, code]) => [code, kind] as const),
  [status.OUT_OF_RANGE, 'invalid'],
]);

/** The number of the status that any failure has on the wire. */
export function grpcCodeOf(thrown: unknown): number {
  return codeOfKind[toForwarderError(thrown).kind];
}

/**
 * What fits into the headers of an answer, where the message goes: HTTP/2 implementations take 64 KiB of them, and
 * a character outside of ASCII is up to nine bytes there. An answer that does not fit never reaches its caller.
 */
const longestDetails = 4000;

/** Any failure as grpc-js wants it: the code of its kind, and its message. */
export function toServiceError(thrown: unknown): ServiceError {
  const error = toForwarderError(thrown);
  const details = shortText(error.message, longestDetails);
  return Object.assign(new Error(details), { code: grpcCodeOf(error), details, metadata: new Metadata() });
}

/** What a peer answered, as our error: the kind of its code, its text unchanged. INTERNAL, DATA_LOSS and the rest are `unknown`. */
export function fromServiceError(thrown: unknown): ForwarderError {
  if (!isServiceError(thrown)) return toForwarderError(thrown);
  // A peer may send a number that is no code.
  const code = (status as Partial<Record<number, string>>)[thrown.code] ?? String(thrown.code);
  return new ForwarderError(kindOfCode.get(thrown.code) ?? 'unknown', thrown.details || code, {
    cause: thrown,
    details: { grpcCode: code },
  });
}

function isServiceError(thrown: unknown): thrown is ServiceError {
  return thrown instanceof Error && 'code' in thrown && typeof thrown.code === 'number' && 'details' in thrown;
}
