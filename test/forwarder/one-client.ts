import type { Connection } from '../../apis/generated/connection.js';
import type { NetworkServiceRequest } from '../../apis/generated/networkservice.js';
import type { TokenId } from '../../src/resourcepool/token-id.js';
import {
  addClient,
  refreshOf,
  SimulatedForwarder,
  type SimulatedForwarderOptions,
  type Wish,
} from './simulated-forwarder.js';

/** A forwarder, one client with tokens, and all that is known before anything was asked. */
export interface OneClient {
  readonly world: SimulatedForwarder;
  /** What the client asks for with its first token. */
  readonly wish: Wish;
  readonly tokens: readonly TokenId[];
  /** {@link SimulatedForwarder.state} before anything was asked. */
  readonly untouched: string;
}

export async function oneClient(options: SimulatedForwarderOptions = {}): Promise<OneClient> {
  const world = await SimulatedForwarder.create(options);
  addClient(world);
  const tokens = world.allocate(4);
  const [token] = tokens;
  if (token === undefined) throw new Error('the simulated node has no token');
  await world.node.settled();
  world.node.faults.restart();
  return { world, wish: { token }, tokens, untouched: world.state() };
}

/** The part of the node that a client sees, one section of the snapshot. */
export function inNamespace(world: SimulatedForwarder, path = '/sim/ns/client'): string {
  const [, section = ''] = world.node.snapshot().split(`namespace ${path}\n`);
  return section.split('namespace ')[0] ?? '';
}

/** Calls that change something, in order: those that only look are left out. */
export function effects(world: SimulatedForwarder): readonly string[] {
  const looks =
    /^(directory|journal|addressing\.(list|usedTables|readSetting)|links\.(find|readVf)|pci\.(facts|numaNode|isResettable|virtualFunctions|groupMembers|hasDriver)|access\.(read|cgroupsOf|shownGrants)|vfio\.|owners\.)/;
  return world.node.faults.calls.filter((call) => !looks.test(call));
}

/** The message of what the attempt throws. */
export async function messageOf(attempt: Promise<unknown>): Promise<string> {
  return attempt.then(
    () => 'ok',
    (thrown: unknown) => (thrown instanceof Error ? thrown.message : String(thrown)),
  );
}

/** A refresh that asks for something else: the client's new wish in place of what it has. */
export function changedWish(answer: Connection, wish: Wish): NetworkServiceRequest {
  const { connection, mechanismPreferences } = refreshOf(answer, wish);
  return { mechanismPreferences, connection: connection && { ...connection, mechanism: undefined } };
}
