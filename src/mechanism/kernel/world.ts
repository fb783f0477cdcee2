import type { Clock } from '../../ports/clock.js';
import type { Namespaces } from '../../ports/links.js';
import type { PciBus } from '../../ports/pci-bus.js';
import type { HeldNamespaces } from '../held-namespaces.js';

/** The parts of the outside that the kernel mechanism works on. */
export interface World {
  readonly pci: PciBus;
  readonly namespaces: Namespaces;
  readonly held: HeldNamespaces;
  readonly clock: Clock;
  /** Whether a VF starts afresh after each of its users. */
  readonly resetVfs: boolean;
}
