import { ForwarderError, toForwarderError } from '../ports/error.js';
import type { Method } from '../transport/caller.js';
import { plainClient } from '../transport/plain-client.js';

/** One call: which method, on which socket, with what. The signal carries the deadline. */
export interface UnaryCall<Request, Answer> {
  readonly socket: string;
  readonly method: Method<Request, Answer>;
  readonly request: Request;
  readonly signal: AbortSignal;
}

/**
 * Makes one call to kubelet over a connection of its own. These calls are rare, and a kept channel would go on waiting
 * out its own back-off when kubelet is back already.
 *
 * @throws ForwarderError by the answered status, its message beginning with the method, or the signal's reason
 */
export async function callOnce<Request, Answer>(what: UnaryCall<Request, Answer>): Promise<Answer> {
  const { socket, method, request, signal } = what;
  using client = plainClient(socket);
  try {
    return await client.unary(method, request, { signal });
  } catch (thrown) {
    const error = toForwarderError(thrown);
    if (signal.aborted) throw error;
    throw new ForwarderError(error.kind, `${method.path}: ${error.message}`, { cause: error, details: error.details });
  }
}
