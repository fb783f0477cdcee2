import type { SpanContext } from '@opentelemetry/api';

const pattern = /^[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})/;
const nothing = /^0+$/;

/** Reads a `traceparent` (W3C Trace Context 3.2); what is none is passed over, as the standard has it. */
export function parseTraceparent(text: string | undefined): SpanContext | undefined {
  const [, traceId = '0', spanId = '0', flags = '0'] = pattern.exec(text ?? '') ?? [];
  if (nothing.test(traceId) || nothing.test(spanId) || text?.startsWith('ff') === true) return undefined;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) & 1, isRemote: true };
}

export function formatTraceparent({ traceId, spanId, traceFlags }: SpanContext): string {
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`;
}
