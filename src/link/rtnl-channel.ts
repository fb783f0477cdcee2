import type { NamespaceFile } from '../native/network-namespace.js';
import { ForwarderError } from '../ports/error.js';
import type { Answer, Request, Socket } from './exchange.js';
import { exchange } from './exchange.js';
import { kernelError } from './kernel-error.js';
import { NLM_F } from './rtnetlink.js';
import type { JobWeight, RtnlLane } from './rtnl-lane.js';

/** What a channel is made of. */
export interface ChannelParts {
  readonly file: NamespaceFile;
  readonly lane: RtnlLane;
  /** Makes a socket that lives in the namespace of the file. */
  readonly openSocket: () => Socket & Disposable;
}

/** How requests are made. */
export interface RequestOptions {
  readonly signal: AbortSignal;
  /** What is attempted, for errors: `move link 12 to nsm-1`. */
  readonly operation: string;
  /** `short` when absent. */
  readonly weight?: JobWeight;
  /** Other namespaces that must stay open while the kernel works. */
  readonly holding?: readonly RtnlChannel[];
}

/** How often a list is asked for again when it changed while the kernel wrote it. */
const dumpAttempts = 5;

/** Sockets kept for the next request; a rush makes more of them, which end with it. */
const mostIdle = 2;

/**
 * Requests to one network namespace over the lane. Its descriptors, the namespace file and a socket for each request
 * under way, few of which are kept, are closed on disposal, but never under a request that the kernel still works on:
 * the number of a closed descriptor may name something else the next moment.
 */
export class RtnlChannel implements Disposable {
  readonly #parts: ChannelParts;
  readonly #idle: (Socket & Disposable)[] = [];
  #users = 0;
  #disposed = false;

  constructor(parts: ChannelParts) {
    this.#parts = parts;
  }

  /** The namespace's descriptor, for a message to the kernel. @throws ForwarderError `refused` after disposal */
  get fd(): number {
    this.requireOpen();
    return this.#parts.file.fd;
  }

  /** @throws ForwarderError `refused` after disposal */
  requireOpen(): void {
    if (this.#disposed) throw new ForwarderError('refused', `network namespace ${this.#parts.file.id} is closed`);
  }

  /** Sends requests at once; a refusal is part of the answer. @throws ForwarderError the lane's and the socket's */
  async exchange(requests: readonly Request[], options: RequestOptions): Promise<readonly Answer[]> {
    this.requireOpen();
    return this.#parts.lane.run(options.weight ?? 'short', options.signal, async () => {
      const holding = [this, ...(options.holding ?? [])];
      for (const channel of holding) channel.requireOpen();
      for (const channel of holding) channel.#users += 1;
      try {
        return await this.#overSocket(requests, options.operation);
      } finally {
        for (const channel of holding) channel.#leave();
      }
    });
  }

  /** One request that must succeed; its replies. @throws ForwarderError the kernel's refusal */
  async request(request: Request, options: RequestOptions): Promise<readonly Buffer[]> {
    const [answer] = await this.exchange([request], options);
    if (answer?.refusal !== undefined) throw kernelError(answer.refusal, options.operation);
    return answer?.replies ?? [];
  }

  /** All objects of a kind, as one consistent list. @throws ForwarderError `busy` when it never stops changing */
  async dump(type: number, body: Uint8Array, options: RequestOptions): Promise<readonly Buffer[]> {
    for (let attempt = 0; attempt < dumpAttempts; attempt++) {
      const [answer] = await this.exchange([{ type, flags: NLM_F.DUMP, body }], options);
      if (answer?.refusal !== undefined) throw kernelError(answer.refusal, options.operation);
      if (answer?.interrupted === false) return answer.replies;
    }
    throw new ForwarderError('busy', `cannot ${options.operation}: it changed ${dumpAttempts} times while it was read`);
  }

  [Symbol.dispose](): void {
    if (this.#disposed) return;
    this.#disposed = true;
    if (this.#users === 0) this.#close();
  }

  async #overSocket(requests: readonly Request[], operation: string): Promise<readonly Answer[]> {
    const socket = this.#idle.pop() ?? this.#parts.openSocket();
    try {
      const answers = await exchange(socket, requests);
      if (this.#idle.length < mostIdle) this.#idle.push(socket);
      else socket[Symbol.dispose]();
      return answers;
    } catch (cause) {
      // Late answers may lie in its buffer: they must not meet the next request.
      socket[Symbol.dispose]();
      const reason = cause instanceof Error ? cause.message : String(cause);
      throw new ForwarderError('unknown', `cannot ${operation}: ${reason}`, { cause });
    }
  }

  #leave(): void {
    this.#users -= 1;
    if (this.#users === 0 && this.#disposed) this.#close();
  }

  #close(): void {
    for (const socket of this.#idle.splice(0)) socket[Symbol.dispose]();
    this.#parts.file[Symbol.dispose]();
  }
}
