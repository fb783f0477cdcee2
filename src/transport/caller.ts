import type { EventEmitter } from 'node:events';
import type {
  Client,
  ClientReadableStream,
  CallOptions as GrpcCallOptions,
  Metadata,
  MethodDefinition,
  ServiceError,
} from '@grpc/grpc-js';
import { ForwarderError, toForwarderError } from '../ports/error.js';
import { toHeaders, toMetadata } from './add-services.js';
import { fromServiceError } from './grpc-status.js';
import { limits } from './limits.js';
import type { Headers } from './service.js';

/** A method of a generated service definition. */
export type Method<Req, Res> = Pick<MethodDefinition<Req, Res>, 'path' | 'requestSerialize' | 'responseDeserialize'>;

export interface CallOptions {
  /** Cancels the call; the error is then the signal's reason. */
  readonly signal: AbortSignal;
  /** Deadline that the peer learns, ms from now. */
  readonly timeoutMs?: number;
  readonly metadata?: Headers;
  /** Gets the peer's response headers as soon as they are here. */
  readonly onHeaders?: (headers: Headers) => void;
}

/** Makes calls. They fail with the ForwarderError kind of the peer's status and its message. */
export interface Caller {
  unary<Req, Res>(method: Method<Req, Res>, request: Req, options: CallOptions): Promise<Res>;
  /** All answers of a stream that ends. @throws ForwarderError also `exhausted` when there are too many */
  list<Req, Res>(method: Method<Req, Res>, request: Req, options: CallOptions): Promise<readonly Res[]>;
  /** Leaving the loop cancels the call. */
  stream<Req, Res>(method: Method<Req, Res>, request: Req, options: CallOptions): AsyncIterable<Res>;
}

interface Open<Res> {
  readonly call: ClientReadableStream<Res>;
  readonly cancel: () => void;
}

/** Calls over one grpc-js client; `extra` gives the metadata that every call carries. */
export class GrpcCaller implements Caller {
  readonly #client: Client;
  readonly #extra: () => Headers;

  constructor(client: Client, extra: () => Headers = () => ({})) {
    this.#client = client;
    this.#extra = extra;
  }

  async unary<Req, Res>(method: Method<Req, Res>, request: Req, options: CallOptions): Promise<Res> {
    options.signal.throwIfAborted();
    const metadata = this.#metadata(options);
    return new Promise<Res>((resolve, reject) => {
      const { path, requestSerialize, responseDeserialize } = method;
      const done = (error: ServiceError | null, answer?: Res) => {
        options.signal.removeEventListener('abort', cancel);
        if (error === null) resolve(answer as Res);
        else reject(failure(error, options.signal));
      };
      const call = this.#client.makeUnaryRequest(
        path,
        requestSerialize,
        responseDeserialize,
        request,
        metadata,
        deadlineOf(options),
        done,
      );
      const cancel = () => call.cancel();
      options.signal.addEventListener('abort', cancel, { once: true });
      listenForHeaders(call, options);
    });
  }

  /** Without a loop over the stream, which costs more than all that is done for the call. */
  async list<Req, Res>(method: Method<Req, Res>, request: Req, options: CallOptions): Promise<readonly Res[]> {
    const { call, cancel } = this.#open(method, request, options);
    const answers: Res[] = [];
    return new Promise<readonly Res[]>((resolve, reject) => {
      call.on('data', (answer: Res) => {
        if (answers.push(answer) <= limits.mostAnswers) return;
        reject(new ForwarderError('exhausted', `${method.path}: more than ${limits.mostAnswers} answers`));
        cancel();
      });
      call.on('end', () => resolve(answers));
      call.on('error', (error) => reject(failure(error, options.signal)));
    }).finally(() => options.signal.removeEventListener('abort', cancel));
  }

  async *stream<Req, Res>(method: Method<Req, Res>, request: Req, options: CallOptions): AsyncGenerator<Res> {
    const { call, cancel } = this.#open(method, request, options);
    try {
      yield* call as AsyncIterable<Res>;
    } catch (error) {
      throw failure(error, options.signal);
    } finally {
      options.signal.removeEventListener('abort', cancel);
      // A call that is over takes no notice; what a cancelled one still reports interests nobody.
      call.on('error', () => {});
      call.cancel();
    }
  }

  /** Begins a call with several answers; `cancel` ends it, as does the signal, whose listener is the caller's to remove. */
  #open<Req, Res>(method: Method<Req, Res>, request: Req, options: CallOptions): Open<Res> {
    options.signal.throwIfAborted();
    const { path, requestSerialize, responseDeserialize } = method;
    const metadata = this.#metadata(options);
    const call = this.#client.makeServerStreamRequest(
      path,
      requestSerialize,
      responseDeserialize,
      request,
      metadata,
      deadlineOf(options),
    );
    const cancel = () => call.cancel();
    options.signal.addEventListener('abort', cancel, { once: true });
    listenForHeaders(call, options);
    return { call, cancel };
  }

  #metadata(options: CallOptions): Metadata {
    return toMetadata({ ...options.metadata, ...this.#extra() });
  }
}

function deadlineOf({ timeoutMs }: CallOptions): GrpcCallOptions {
  return timeoutMs === undefined ? {} : { deadline: Date.now() + timeoutMs };
}

function listenForHeaders(call: EventEmitter, { onHeaders }: CallOptions): void {
  if (onHeaders !== undefined) call.on('metadata', (metadata: Metadata) => onHeaders(toHeaders(metadata)));
}

function failure(error: unknown, signal: AbortSignal): Error {
  return signal.aborted ? toForwarderError(signal.reason) : fromServiceError(error);
}
