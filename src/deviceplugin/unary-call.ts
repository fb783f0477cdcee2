import { Client, credentials, type MethodDefinition } from '@grpc/grpc-js';
import { toForwarderError } from '../ports/error.js';
import { fromStatus } from './grpc-status.js';

/** kubelet's own clients accept answers of this many bytes; grpc-js's default of 4 MiB is too small for dense nodes. */
const LARGEST_ANSWER = 16 * 1024 * 1024;

/** One call: which method, on which socket, with what. The signal carries the deadline. */
export interface UnaryCall<Request, Answer> {
  readonly socket: string;
  readonly method: MethodDefinition<Request, Answer>;
  readonly request: Request;
  readonly signal: AbortSignal;
}

/**
 * Makes one call over a connection of its own. These calls are rare, and a kept channel would go on waiting out its own
 * back-off when kubelet is back already.
 *
 * @throws ForwarderError by the answered status, or the signal's reason
 */
export async function callOnce<Request, Answer>(what: UnaryCall<Request, Answer>): Promise<Answer> {
  what.signal.throwIfAborted();
  const client = new Client(`unix:${what.socket}`, credentials.createInsecure(), {
    'grpc.max_receive_message_length': LARGEST_ANSWER,
    'grpc.use_local_subchannel_pool': 1,
  });
  try {
    return await answerOf(client, what);
  } finally {
    client.close();
  }
}

function answerOf<Request, Answer>(client: Client, what: UnaryCall<Request, Answer>): Promise<Answer> {
  const { method, request, signal } = what;
  return new Promise((resolve, reject) => {
    const call = client.makeUnaryRequest(
      method.path,
      method.requestSerialize,
      method.responseDeserialize,
      request,
      (error, answer) => {
        signal.removeEventListener('abort', cancel);
        if (signal.aborted) reject(toForwarderError(signal.reason));
        else if (error !== null) reject(fromStatus(method.path, error));
        else resolve(answer as Answer);
      },
    );
    const cancel = () => call.cancel();
    signal.addEventListener('abort', cancel, { once: true });
  });
}
