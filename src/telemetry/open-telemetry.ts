import { AsyncLocalStorage } from 'node:async_hooks';
import {
  type Attributes,
  type Context,
  DiagLogLevel,
  diag,
  type Histogram,
  type Meter,
  ROOT_CONTEXT,
  SpanKind,
  SpanStatusCode,
  type Tracer,
  trace,
} from '@opentelemetry/api';
import { OTLPMetricExporter } from '@opentelemetry/exporter-metrics-otlp-grpc';
import { OTLPTraceExporter } from '@opentelemetry/exporter-trace-otlp-grpc';
import { resourceFromAttributes } from '@opentelemetry/resources';
import { MeterProvider, PeriodicExportingMetricReader } from '@opentelemetry/sdk-metrics';
import { BatchSpanProcessor, TracerProvider } from '@opentelemetry/sdk-trace';
import { toForwarderError } from '../ports/error.js';
import type { Log } from '../ports/log.js';
import type { Reading, SpanFacts, Telemetry } from '../ports/telemetry.js';
import { seldom } from './seldom.js';
import { formatTraceparent, parseTraceparent } from './trace-parent.js';

export interface TelemetryOptions {
  /** `service.name` of all that is exported. */
  readonly name: string;
  /** The collector, OTLP over plaintext gRPC: `host:port`. */
  readonly endpoint: string;
  readonly metricsIntervalMs: number;
  /** The number of gRPC's status for what a call threw. */
  readonly codeOf: (thrown: unknown) => number;
  readonly log: Log;
}

/** A call that is timed. */
interface Measured {
  readonly side: 'server' | 'client';
  readonly method: string;
  readonly parent: Context;
}

/** How often the log says that the collector cannot be reached. */
const complaintMs = 60_000;

/**
 * Exports to an OpenTelemetry collector, in the background: where there is none, spans are dropped beyond a few thousand,
 * and the log says so now and then.
 */
export class OpenTelemetry implements Telemetry {
  readonly #tracer: Tracer;
  readonly #meter: Meter;
  readonly #durations: Record<'server' | 'client', Histogram>;
  readonly #codeOf: TelemetryOptions['codeOf'];
  readonly #stop: () => Promise<unknown>;
  readonly #current = new AsyncLocalStorage<Context>();

  constructor({ name, endpoint, metricsIntervalMs, codeOf, log }: TelemetryOptions) {
    complainTo(log);
    this.#codeOf = codeOf;
    const resource = resourceFromAttributes({ 'service.name': name });
    const url = `http://${endpoint}`;
    const traces = new TracerProvider({
      resource,
      spanProcessors: [new BatchSpanProcessor({ exporter: new OTLPTraceExporter({ url }) })],
    });
    const reader = new PeriodicExportingMetricReader({
      exporter: new OTLPMetricExporter({ url }),
      exportIntervalMillis: metricsIntervalMs,
      exportTimeoutMillis: metricsIntervalMs,
    });
    const metrics = new MeterProvider({ resource, readers: [reader] });
    this.#tracer = traces.getTracer('forwarder-sriov');
    this.#meter = metrics.getMeter('forwarder-sriov');
    const unit = { unit: 'ms' };
    this.#durations = {
      server: this.#meter.createHistogram('rpc.server.duration', unit),
      client: this.#meter.createHistogram('rpc.client.duration', unit),
    };
    this.#stop = () => Promise.allSettled([traces.shutdown(), metrics.shutdown()]);
  }

  span<T>(name: string, facts: SpanFacts, work: () => Promise<T>): Promise<T> {
    return this.#within({ name, kind: SpanKind.INTERNAL, attributes: facts, parent: this.#here }, work);
  }

  serve<T>(method: string, traceparent: string | undefined, work: () => Promise<T>): Promise<T> {
    const remote = parseTraceparent(traceparent);
    const parent = remote === undefined ? ROOT_CONTEXT : trace.setSpanContext(ROOT_CONTEXT, remote);
    return this.#measured({ side: 'server', method, parent }, work);
  }

  call<T>(method: string, work: () => Promise<T>): Promise<T> {
    return this.#measured({ side: 'client', method, parent: this.#here }, work);
  }

  traceparent(): string | undefined {
    const here = trace.getSpanContext(this.#here);
    return here && formatTraceparent(here);
  }

  gauge(name: string, meaning: string, read: () => readonly Reading[]): void {
    this.#meter.createObservableGauge(name, { description: meaning }).addCallback((result) => {
      for (const { value, facts } of read()) result.observe(value, facts);
    });
  }

  /** Sends what is left, unless the signal fires first. */
  async stop(signal: AbortSignal): Promise<void> {
    const given = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.race([this.#stop(), given]);
  }

  get #here(): Context {
    return this.#current.getStore() ?? ROOT_CONTEXT;
  }

  async #measured<T>({ side, method, parent }: Measured, work: () => Promise<T>): Promise<T> {
    const [, service = '', name = ''] = method.split('/');
    const attributes = { 'rpc.system': 'grpc', 'rpc.service': service, 'rpc.method': name };
    const kind = side === 'server' ? SpanKind.SERVER : SpanKind.CLIENT;
    const began = performance.now();
    const record = (code: number) =>
      this.#durations[side].record(performance.now() - began, { ...attributes, 'rpc.grpc.status_code': code });
    try {
      const result = await this.#within({ name: `${service}/${name}`, kind, attributes, parent }, work);
      record(0);
      return result;
    } catch (thrown) {
      record(this.#codeOf(thrown));
      throw thrown;
    }
  }

  async #within<T>(
    { name, kind, attributes, parent }: { name: string; kind: SpanKind; attributes: Attributes; parent: Context },
    work: () => Promise<T>,
  ): Promise<T> {
    const span = this.#tracer.startSpan(name, { kind, attributes }, parent);
    try {
      return await this.#current.run(trace.setSpan(parent, span), work);
    } catch (thrown) {
      const error = toForwarderError(thrown);
      span.setStatus({ code: SpanStatusCode.ERROR, message: `${error.kind}: ${error.message}` });
      throw thrown;
    } finally {
      span.end();
    }
  }
}

/** The library has one place for its complaints, for the whole process. */
function complainTo(log: Log): void {
  const say = seldom(
    (text) => log.warn(`telemetry: ${messageOf(text)}`),
    complaintMs,
    () => performance.now(),
  );
  const quiet = () => undefined;
  const logger = { error: say, warn: say, info: quiet, debug: quiet, verbose: quiet };
  diag.setLogger(logger, { logLevel: DiagLogLevel.WARN, suppressOverrideMessage: true });
}

/** What the library says of an error is JSON, with a stack. */
function messageOf(text: string): string {
  const quoted = /"message":("(?:[^"\\]|\\.)*")/.exec(text)?.[1];
  return quoted === undefined ? text : String(JSON.parse(quoted));
}
