import type { Connection } from '../../../apis/generated/connection.js';
import type { Quarantine } from '../../ledger/quarantine.js';
import { deliverNetdev } from '../../mechanism/kernel/deliver-netdev.js';
import type { DeliveredNetdev } from '../../mechanism/kernel/delivered-netdev.js';
import { inspectNetdev } from '../../mechanism/kernel/inspect-netdev.js';
import type { NetdevPlan } from '../../mechanism/kernel/netdev-plan.js';
import { needsRedelivery, refreshNetdev } from '../../mechanism/kernel/refresh-netdev.js';
import type { World } from '../../mechanism/kernel/world.js';
import { ForwarderError } from '../../ports/error.js';
import type { Call } from '../chain/call.js';
import { memoryKey } from '../chain/held-connection.js';
import { adoptUnrecorded, claimUnrecorded, type Recognition } from './adopt-unrecorded.js';
import type { Delivery } from './choose-mechanism.js';
import { type Assignment, claimFunction } from './claim-function.js';
import { holdNamespace, releaseFormerNamespaces } from './hold-namespace.js';
import { type KernelRequest, readKernelRequest } from './kernel-request.js';
import { readContextPlan } from './read-netdev-plan.js';
import { relieveQuarantine } from './relieve-quarantine.js';

/** What KERNEL works with. */
export interface KernelParts extends Recognition {
  readonly quarantine: Quarantine;
}

interface Delivered {
  readonly plan: NetdevPlan;
  readonly netdev: DeliveredNetdev;
}

const deliveredKey = memoryKey<Delivered>('delivered netdev');

/**
 * KERNEL: the netdev of a claimed VF in the client's network namespace.
 *
 * Going down: everything the client says is checked, a VF claimed and its namespace held, so that a request that
 * cannot be served costs the next hop nothing. Coming back, the next hop's answer says how the netdev shall be: only
 * then it moves. A refresh brings the netdev to the new answer where it is, or, when that cannot be done there, by way
 * of home.
 *
 * `KERNEL_INTERFACE` is how clients of the first NSM releases spell it.
 */
export function deliverKernel(parts: KernelParts): Delivery {
  const { world, functions } = parts;
  return {
    name: 'deliver-kernel',
    types: ['KERNEL', 'KERNEL_INTERFACE'],
    driverType: 'kernel',
    remembers: [deliveredKey],
    async inspect({ ledger, memory }, signal) {
      const delivered = memory.get(deliveredKey);
      if (delivered === undefined) return { kind: 'gone', reason: 'no netdev was delivered' };
      return inspectNetdev(world, { plan: delivered.plan, delivered: delivered.netdev }, { ledger, signal });
    },
    async request(call, next) {
      const { mechanism } = call.connection;
      if (mechanism === undefined) throw new ForwarderError('invalid', 'no mechanism was chosen');
      const request = readKernelRequest(mechanism);
      readContextPlan(call.connection, request.trunk); // what is wrong already need not go any further
      await relieveQuarantine(parts, request, call);
      const unrecorded = await claimUnrecorded(parts, request, call);
      const assignment = await claimFunction(functions, { token: request.token, driverType: 'kernel' }, call);
      await holdNamespace(world, { request, function: assignment.function }, call);
      if (!unrecorded) await refuseTakenName(world, request, call);
      const answer = await next(call);
      const plan = netdevPlan(request, assignment, answer);
      if (unrecorded) {
        call.held.memory.set(deliveredKey, { plan, netdev: await adoptUnrecorded(parts, plan, call) });
      }
      await bringTo(world, plan, call);
      const parameters = { ...mechanism.parameters, pciAddress: assignment.function };
      return { ...answer, mechanism: { ...mechanism, parameters } };
    },
  };
}

function netdevPlan(request: KernelRequest, assignment: Assignment, answer: Connection): NetdevPlan {
  return {
    function: assignment.function,
    physicalFunction: assignment.physicalFunction,
    vfIndex: assignment.vfIndex,
    driver: assignment.kernelDriver,
    namespace: request.namespace,
    interfaceName: request.interfaceName,
    ...readContextPlan(answer, request.trunk),
  };
}

/** Looks before anything costs, so that the existing interface and the next hop are left in peace. */
async function refuseTakenName(world: World, request: KernelRequest, { held, signal }: Call): Promise<void> {
  const delivered = held.memory.get(deliveredKey);
  const known = delivered?.plan;
  if (known?.namespace === request.namespace && known.interfaceName === request.interfaceName) return;
  const there = await world.held.get(request.namespace).links.find({ name: request.interfaceName }, signal);
  if (there === undefined) return;
  throw new ForwarderError(
    'exists',
    `the client's namespace ${request.namespace} already has an interface named ${JSON.stringify(request.interfaceName)}`,
    { details: { interfaceName: request.interfaceName, namespace: request.namespace } },
  );
}

async function bringTo(world: World, plan: NetdevPlan, call: Call): Promise<void> {
  const { ledger, memory } = call.held;
  const work = { ledger, signal: call.signal };
  const before = memory.get(deliveredKey);
  if (before !== undefined && !needsRedelivery(before.plan, plan)) {
    if (await refreshNetdev(world, { plan, delivered: before.netdev }, work)) {
      memory.set(deliveredKey, { plan, netdev: before.netdev });
      return;
    }
    call.log.warn('netdev has left the client, it is brought again', { function: plan.function });
  }
  if (before !== undefined) await takeHome(before.plan, call);
  memory.set(deliveredKey, { plan, netdev: await deliverNetdev(world, plan, work) });
  await releaseFormerNamespaces(plan.namespace, call);
}

/** Undoes the delivery and nothing else: the VF stays claimed, the next hop connected. */
async function takeHome(plan: NetdevPlan, { held }: Call): Promise<void> {
  const keeps = new Set(['function-claimed', 'namespace-held', 'onward']);
  held.giveUp();
  const { failures } = await held.ledger.release((entry) => entry.function === plan.function && !keeps.has(entry.kind));
  const [first] = failures;
  if (first !== undefined) throw first;
}
