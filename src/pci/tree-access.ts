import type { Clock } from '../ports/clock.js';
import type { AttributeWriter } from './attribute-writer.js';
import type { SysfsRoots } from './sysfs-tree.js';

/** What the adapters of the PCI tree work with. */
export interface TreeAccess {
  readonly roots: SysfsRoots;
  readonly clock: Clock;
  readonly writer: AttributeWriter;
}
