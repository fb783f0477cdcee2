import { adoptNetdev } from '../../mechanism/kernel/adopt-netdev.js';
import type { DeliveredNetdev } from '../../mechanism/kernel/delivered-netdev.js';
import type { World } from '../../mechanism/kernel/world.js';
import { type PciAddress, parsePciAddress } from '../../ports/pci-address.js';
import type { Call } from '../chain/call.js';
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
 * A Request may name the VF that its client has already while nothing of that is on record: the journal was lost, or
 * another forwarder delivered it. When the namespace whose descriptor the client passes holds that very VF, the VF is
 * claimed for the connection. Should the Request fail, the VF stays where it is, as it was.
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
  const address = namedFunction(call);
  const stray = strays.report().find((it) => it.function === address);
  if (address === undefined || stray === undefined || call.held.ledger.find('function-claimed')) return false;
  using namespace = await receiveNamespace(world, request, call);
  if ((await namespace.links.find({ parent: address }, call.signal)) === undefined) return false;
  if (!strays.has(address)) return false; // somebody else was faster
  strays.remove(address);
  try {
    await claimStray(functions, { ...stray, token: request.token }, call);
  } catch (error) {
    strays.add(stray);
    throw error;
  }
  call.log.info('a VF without a record is taken over from where its client has it', { function: address });
  return true;
}

/** To be called when the next hop has agreed: from now on the netdev goes home when the connection ends. */
export async function adoptUnrecorded(world: World, request: KernelRequest, call: Call): Promise<DeliveredNetdev> {
  const address = settleStray(call);
  const { namespace: id, interfaceName } = request;
  const work = { ledger: call.held.ledger, signal: call.signal };
  return adoptNetdev({ function: address, namespace: world.held.get(id), interfaceName }, work);
}

function namedFunction({ connection }: Call): PciAddress | undefined {
  const named = connection.mechanism?.parameters['pciAddress'] ?? '';
  return named === '' ? undefined : parsePciAddress(named);
}
