import type { Attempt } from '../../ledger/ledger.js';
import type { Telemetry } from '../../ports/telemetry.js';
import type { Element } from './element.js';

/** The same elements; each tells of its part of a Request, with all below it, in a span of its name. */
export function traced(elements: readonly Element[], telemetry: Telemetry): readonly Element[] {
  return elements.map(({ name, request }) => ({
    name,
    request: (call, next) => telemetry.span(name, { id: call.held.id }, () => request(call, next)),
  }));
}

/** The same; each step that is taken back, at a Close or after a failure, is told of in a span. */
export function tracedUndoing(attempt: Attempt, telemetry: Telemetry): Attempt {
  return (entry) => telemetry.span(`undo ${entry.kind}`, { id: entry.connection }, () => attempt(entry));
}
