import { ForwarderError } from '../../ports/error.js';
import type { FunctionFacts, FunctionNetdev } from '../../ports/pci-bus.js';

/**
 * The one netdev of a function that stands for the function itself: representors, which switchdev drivers put beside
 * the uplink, are passed over; of a device with several ports the first one counts.
 *
 * @throws ForwarderError `not-found` when the home namespace shows none
 */
export function chooseNetdev(facts: FunctionFacts): FunctionNetdev {
  const own = facts.netdevs
    .filter((netdev) => netdev.physPortName === undefined || /^p\d+$/.test(netdev.physPortName))
    .sort((a, b) => (a.devPort ?? 0) - (b.devPort ?? 0));
  const [first] = own;
  if (first !== undefined) return first;
  throw new ForwarderError(
    'not-found',
    `${facts.address} has no netdev in the home namespace: ` +
      (facts.driver === undefined
        ? 'it has no driver'
        : `driver ${facts.driver} made none, or it sits in another namespace`),
    { details: { function: facts.address, driver: facts.driver } },
  );
}
