/** Facts about a piece of work, for people who look at traces; never tokens. */
export type SpanFacts = Readonly<Record<string, string | number>>;

/** One value of a gauge. */
export interface Reading {
  readonly value: number;
  readonly facts: SpanFacts;
}

/**
 * Traces and metrics of what happens here. Work that is done within work belongs to it, across awaits. Nothing of it ever
 * fails or waits because nobody collects.
 */
export interface Telemetry {
  /** Does a piece of work. */
  span<T>(name: string, facts: SpanFacts, work: () => Promise<T>): Promise<T>;
  /**
   * Answers a call: with the caller's `traceparent` (W3C Trace Context) it belongs to the caller's work.
   *
   * @param method - as gRPC has it: `/networkservice.NetworkService/Request`
   */
  serve<T>(method: string, traceparent: string | undefined, work: () => Promise<T>): Promise<T>;
  /** Makes a call of a method as above. */
  call<T>(method: string, work: () => Promise<T>): Promise<T>;
  /** The `traceparent` that tells a peer which work its own belongs to; undefined outside of any. */
  traceparent(): string | undefined;
  /** Reads a number again and again. */
  gauge(name: string, meaning: string, read: () => readonly Reading[]): void;
}

/** Measures nothing. */
export const noTelemetry: Telemetry = {
  span: (_name, _facts, work) => work(),
  serve: (_method, _traceparent, work) => work(),
  call: (_method, work) => work(),
  traceparent: () => undefined,
  gauge: () => undefined,
};
