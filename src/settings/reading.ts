import type { ForwarderError } from '../ports/error.js';

/**
 * The outcome of reading a whole source (the environment, a file): the value, or one ForwarderError `invalid` that
 * lists everything that is wrong with it, one line each. Warnings come with both.
 */
export type Reading<T> =
  | { readonly ok: true; readonly value: T; readonly warnings: readonly string[] }
  | { readonly ok: false; readonly error: ForwarderError; readonly warnings: readonly string[] };
