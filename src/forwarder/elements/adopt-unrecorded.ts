import { adoptNetdev } from '../../mechanism/kernel/adopt-netdev.js';
import type { DeliveredNetdev } from '../../mechanism/kernel/delivered-netdev.js';
import type { NetdevPlan } from '../../mechanism/kernel/netdev-plan.js';
import type { World } from '../../mechanism/kernel/world.js';
import { type PciAddress, parsePciAddress } from '../../ports/pci-address.js';
import type { Call } from '../chain/call.js';
import { clientOf } from '../chain/client-of.js';
import type { Strays } from '../recovery/strays.js';
import { claimStray, type Functions, settleStray } from './claim-function.js';
import { receiveNamespace } from './hold-namespace.js';
import type { KernelRequest } from './kernel-request.js';

/** What it takes to recognise a VF that is on nobody's record. */
export interface Recognition {
  readonly world: World;
  readonly functions: Functions;
  readonly strays: Strays;
}

/**
 * A client may have a VF while nothing of that is on record: the journal was lost, or another forwarder delivered it.
 * Its Request names the VF, or asks for the interface that is the VF's. When the namespace whose descriptor it passes
 * holds that very VF, the VF is claimed for the connection. Should the Request fail, it stays where it is, as it was.
 *
 * Only hardware can be recognised so: a netdev that does not tell its function could be anything.
 *
 * @returns whether a VF was claimed
 */
export async function claimUnrecorded(
  { world, functions, strays }: Recognition,
  request: KernelRequest,
  call: Call,
): Promise<boolean> {
  const named = namedFunction(call);
  const wanted = strays.report().filter((it) => named === undefined || it.function === named);
  if (wanted.length === 0 || call.held.ledger.find('function-claimed')) return false;
  using namespace = await receiveNamespace(world, request, call);
  const by = named === undefined ? { name: request.interfaceName } : { parent: named };
  const shown = await namespace.links.find(by, call.signal);
  const stray = wanted.find((it) => it.function === shown?.parent && strays.has(it.function));
  if (stray === undefined) return false;
  await functions.door.admit(request.token, clientOf(call), call.signal);
  if (!strays.has(stray.function)) return false;
  strays.release(stray.function);
  try {
    await claimStray(functions, { ...stray, token: request.token }, call);
  } catch (error) {
    strays.add(stray);
    throw error;
  }
  call.log.info('a VF without a record is taken over from where its client has it', { function: stray.function });
  return true;
}

/** To be called when the next hop has agreed: from now on the netdev goes home when the connection ends. */
export async function adoptUnrecorded(
  { world, strays }: Recognition,
  plan: NetdevPlan,
  call: Call,
): Promise<DeliveredNetdev> {
  const work = { ledger: call.held.ledger, signal: call.signal };
  const delivered = await settleStray(call, () => adoptNetdev(world, plan, work));
  strays.forget(plan.function);
  return delivered;
}

function namedFunction({ connection }: Call): PciAddress | undefined {
  const named = connection.mechanism?.parameters['pciAddress'] ?? '';
  return named === '' ? undefined : parsePciAddress(named);
}
