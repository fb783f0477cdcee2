import type { JsonObject } from '../ports/json.js';

/** Keys of which the last change is known to be lost, each with the value before it, undefined when there was none. */
export type LostKeys = ReadonlyMap<string, JsonObject | undefined>;

/**
 * What a journal knows of the time before its process.
 *
 * - `intact`: every change that was ever on record.
 * - `fresh`: nothing, there was no journal.
 * - `voided`: its records are of another boot of the machine. The kernel has forgotten all they tell of; they are gone.
 * - `damaged`: not all. `what` says for people what is wrong with the file; it also says when changes are missing that
 *   nobody knows the keys of, so that records may be out of date. The `lost` keys are not among the records.
 *
 * All but `intact` is told again by every start until it was accepted: a start may be killed before it has acted on it.
 */
export type History =
  | { readonly kind: 'intact' | 'fresh' }
  | { readonly kind: 'voided'; readonly what: string }
  | { readonly kind: 'damaged'; readonly what: string; readonly lost: LostKeys };
