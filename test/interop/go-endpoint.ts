import { GoProcess } from './go-process.js';

/**
 * A network service endpoint over the SDK's own chain with its default policies: it refuses a forwarder whose tokens do
 * not fit. Every Request waits there for {@link GoEndpointOptions.beforeAnswer}.
 */
export class GoEndpoint implements AsyncDisposable {
  readonly #process: GoProcess;
  readonly #answering: Promise<void>;

  private constructor(process: GoProcess, beforeAnswer: () => Promise<void>) {
    this.#process = process;
    this.#answering = this.#answer(beforeAnswer);
    this.#answering.catch(() => undefined);
  }

  /** Resolves when it serves. @param args of the Go program's role `endpoint` */
  static async start(options: GoEndpointOptions): Promise<GoEndpoint> {
    const process = new GoProcess(options.program, ['endpoint', ...options.args], options.env);
    await process.read();
    return new GoEndpoint(process, options.beforeAnswer);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    await this.#process[Symbol.asyncDispose]();
    await this.#answering.catch(() => undefined);
  }

  /** Until the process ends. */
  async #answer(beforeAnswer: () => Promise<void>): Promise<void> {
    for (;;) {
      const { asked } = JSON.parse(await this.#process.read()) as { asked: number };
      await beforeAnswer();
      this.#process.write(String(asked));
    }
  }
}

export interface GoEndpointOptions {
  readonly program: string;
  readonly args: readonly string[];
  readonly env: Readonly<Record<string, string>>;
  readonly beforeAnswer: () => Promise<void>;
}
