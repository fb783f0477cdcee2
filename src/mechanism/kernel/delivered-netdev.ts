import type { EntryId } from '../../ledger/entry.js';
import type { NamespaceId, NetNamespace } from '../../ports/links.js';
import type { NetdevIdentity } from './netdev-identity.js';

/** A delivered netdev: where it is and how it is recognised there. Plain data, good for a later process as well. */
export interface DeliveredNetdev {
  readonly namespace: NamespaceId;
  readonly netdev: NetdevIdentity;
  /** The entry whose undoing moves the netdev home, which drops all of its IP configuration but the rules. */
  readonly moved: EntryId;
}

/** The same with the namespace open. */
export interface NetdevTarget extends Omit<DeliveredNetdev, 'namespace'> {
  readonly namespace: NetNamespace;
}
