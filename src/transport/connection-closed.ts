import { ForwarderError } from '../ports/error.js';

/** What everybody gets who waits on a connection that is gone. An abort without a reason counts as none. */
export function connectionClosed(cause?: unknown): ForwarderError {
  if (!(cause instanceof Error) || cause.name === 'AbortError')
    return new ForwarderError('unavailable', 'the connection was closed');
  return new ForwarderError('unavailable', `the connection was closed: ${cause.message}`, { cause });
}
