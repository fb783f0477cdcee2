import type { JsonObject } from '../ports/json.js';
import type { PciAddress } from '../ports/pci-address.js';

/** One change of the world, as it is written down before it begins. */
export interface Step {
  /** Names the inverse in {@link Inverses}. */
  readonly kind: string;
  /** All that the inverse needs. */
  readonly args: JsonObject;
  /** The VF that is not free again before this step is undone. */
  readonly function?: PciAddress;
  /**
   * An earlier entry whose undoing takes this step back as well, as moving a netdev drops its addresses. When both are
   * unwound together this one costs nothing.
   */
  readonly coveredBy?: EntryId;
  /** Undoing this step is the last of the VF's way back: then it may be given out again. */
  readonly frees?: true;
}

/** Counts up over all ledgers of a process. */
export type EntryId = number & { readonly __entryId: never };

/** A step on record. `begun` means that its effect may or may not have happened: inverses work for both. */
export interface Entry extends Step {
  readonly id: EntryId;
  /** Whose ledger it is in: the id of a connection. */
  readonly connection: string;
  readonly state: 'begun' | 'done';
}

/**
 * Takes one step back. It looks at the world first and undoes what it finds, so it may run for an effect that never
 * happened, and twice.
 *
 * @throws ForwarderError when the step is still not undone
 */
export type Inverse = (entry: Entry, signal: AbortSignal) => Promise<void>;

/** Inverses by kind of step. */
export type Inverses = Readonly<Record<string, Inverse>>;
