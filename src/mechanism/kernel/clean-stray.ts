import type { Entry, EntryId } from '../../ledger/entry.js';
import { awaitAtHome } from './find-at-home.js';
import { travelName } from './interface-name.js';
import { cleanAtHome } from './inverses.js';
import { identityOf, netdevArgs } from './netdev-identity.js';
import { type PlacedFunction, unknownPast } from './unknown-past.js';
import type { World } from './world.js';

/**
 * Makes a VF fit for the next client that was found away without a record and is at home again: whoever had it may have
 * left a name, a MAC, settings through the PF. Nothing of this is on record; a process that ends meanwhile finds a VF at
 * home that nobody uses.
 */
export async function cleanStray(world: World, vf: PlacedFunction, signal: AbortSignal): Promise<void> {
  const { driver } = await world.pci.facts(vf.function);
  // Without one it is where a former process began this.
  if (driver === undefined && world.resetVfs) await world.pci.bind(vf.function, vf.driver, signal);
  else if (driver !== vf.driver) return;
  const link = await awaitAtHome(world, vf.function, signal);
  const netdev = netdevArgs(identityOf(vf.function, link, { names: [travelName(vf.function)] }));
  const step: Entry = {
    kind: 'netdev-adopted',
    args: { ...netdev, ...(await unknownPast(world, { vf, link }, signal)) },
    function: vf.function,
    id: 0 as EntryId,
    connection: '',
    state: 'done',
  };
  await cleanAtHome(world, step, signal);
}
