import type { ErrorKind } from '../../src/ports/error.js';
import { toForwarderError } from '../../src/ports/error.js';

/** How an attempt ends: `ok`, or the kind of its error. */
export async function kindOf(attempt: Promise<unknown>): Promise<ErrorKind | 'ok'> {
  return attempt.then(
    () => 'ok' as const,
    (thrown: unknown) => toForwarderError(thrown).kind,
  );
}
