import { type ServiceError, type StatusObject, status } from '@grpc/grpc-js';
import { type ErrorKind, ForwarderError, toForwarderError } from '../ports/error.js';

const codes: Readonly<Record<ErrorKind, status>> = {
  invalid: status.INVALID_ARGUMENT,
  'not-found': status.NOT_FOUND,
  exists: status.ALREADY_EXISTS,
  busy: status.FAILED_PRECONDITION,
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

const kinds: ReadonlyMap<status, ErrorKind> = new Map([
  [status.INVALID_ARGUMENT, 'invalid'],
  [status.NOT_FOUND, 'not-found'],
  [status.ALREADY_EXISTS, 'exists'],
  [status.FAILED_PRECONDITION, 'refused'],
  [status.PERMISSION_DENIED, 'denied'],
  [status.UNAUTHENTICATED, 'unauthenticated'],
  [status.UNIMPLEMENTED, 'unsupported'],
  [status.RESOURCE_EXHAUSTED, 'exhausted'],
  [status.DEADLINE_EXCEEDED, 'timed-out'],
  [status.CANCELLED, 'cancelled'],
  [status.UNAVAILABLE, 'unavailable'],
]);

/** What kubelet is answered for anything thrown in a handler; kubelet shows the text in the pod's event. */
export function toStatus(thrown: unknown): Pick<StatusObject, 'code' | 'details'> {
  const error = toForwarderError(thrown);
  return { code: codes[error.kind], details: error.message };
}

/** A failed call to kubelet as an error that says which call it was. */
export function fromStatus(call: string, error: ServiceError): ForwarderError {
  return new ForwarderError(kinds.get(error.code) ?? 'unknown', `${call}: ${error.details}`, {
    cause: error,
    details: { call, code: status[error.code] },
  });
}
