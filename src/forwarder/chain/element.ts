import type { Connection } from '../../../apis/generated/connection.js';
import type { Call } from './call.js';

/** The rest of the chain. */
export type Next = (call: Call) => Promise<Connection>;

/**
 * One behaviour of the forwarder. What it does to the world it records in the call's ledger; there is no counterpart
 * for Close, because closing is unwinding.
 */
export interface Element {
  readonly name: string;
  request(call: Call, next: Next): Promise<Connection>;
}

/** Elements in order as one; the last of them must not need a next. */
export function chain(elements: readonly Element[]): Next {
  return elements.reduceRight<Next>(
    (next, element) => (call) => element.request(call, next),
    () => Promise.reject(new Error('the chain has no last element')),
  );
}
