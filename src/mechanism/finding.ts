/**
 * How a delivered VF differs from what its client was promised.
 *
 * - `gone`: there is nothing left that a refresh could mend.
 * - `astray`: the client has not got it any more; a refresh brings it again.
 * - `changed`: the client has it, otherwise than promised; a refresh mends it.
 */
export interface Finding {
  readonly kind: 'gone' | 'astray' | 'changed';
  readonly reason: string;
}
