import { ForwarderError, toForwarderError } from '../ports/error.js';

/** The reason of a signal that fired, with the step at which it did. */
export function abandoned(step: string, signal: AbortSignal): ForwarderError {
  const reason = toForwarderError(signal.reason);
  return new ForwarderError(reason.kind, `${reason.message} (while ${step})`, { cause: reason });
}
