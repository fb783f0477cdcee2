import { ForwarderError } from '../../src/ports/error.js';

/** The ForwarderError that the work fails with. */
export async function failureOf(work: Promise<unknown>): Promise<ForwarderError> {
  try {
    await work;
  } catch (error) {
    if (error instanceof ForwarderError) return error;
    throw error;
  }
  throw new Error('expected a failure');
}
