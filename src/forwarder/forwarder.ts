import { type Connection, State } from '../../apis/generated/connection.js';
import type { NetworkServiceRequest } from '../../apis/generated/networkservice.js';
import { Book } from '../ledger/book.js';
import type { Undoing } from '../ledger/ledger.js';
import { Quarantine, type QuarantinedFunction } from '../ledger/quarantine.js';
import { HeldNamespaces } from '../mechanism/held-namespaces.js';
import { cleanStray } from '../mechanism/kernel/clean-stray.js';
import { kernelInverses } from '../mechanism/kernel/inverses.js';
import type { World } from '../mechanism/kernel/world.js';
import type { Clock } from '../ports/clock.js';
import { ForwarderError, toForwarderError } from '../ports/error.js';
import type { TokenIssuer } from '../ports/identity.js';
import type { Journal } from '../ports/journal.js';
import type { Namespaces } from '../ports/links.js';
import type { Log } from '../ports/log.js';
import type { PciBus } from '../ports/pci-bus.js';
import type { Telemetry } from '../ports/telemetry.js';
import type { Caller } from './chain/call.js';
import { ConnectionEvents } from './chain/connection-events.js';
import { ConnectionRecords } from './chain/connection-records.js';
import { Connections } from './chain/connections.js';
import { chain } from './chain/element.js';
import { enterPath, leavePath, underId } from './chain/path.js';
import { noteFromBelow, type SaidBelow } from './chain/said-below.js';
import { traced, tracedUndoing } from './chain/traced.js';
import { chooseMechanism, inspectDelivered } from './elements/choose-mechanism.js';
import { type Functions, type OfferedFunction, releaseFunction } from './elements/claim-function.js';
import { amendOnward, closeOnward, connectOnward, type NextHops, onwardCandidate } from './elements/connect-onward.js';
import { deliverKernel } from './elements/deliver-kernel.js';
import { deliverNoop } from './elements/deliver-noop.js';
import { type Directory, discover } from './elements/discover.js';
import { expire } from './elements/expire.js';
import { regainFromCaller } from './elements/hold-namespace.js';
import { leaveFormerHop } from './elements/leave-former-hop.js';
import { relieveByClose } from './elements/relieve-quarantine.js';
import { updateToken, withTokens } from './elements/update-token.js';
import { isPodDevice, PodDevices } from './pod-devices.js';
import { auditForEver } from './recovery/audit.js';
import { cleanDoubted } from './recovery/mend-records.js';
import { type Stray, Strays } from './recovery/strays.js';
import { type Keeper, type TakenOver, takeOver } from './recovery/take-over.js';
import { undoAttempt } from './undoing.js';
import { createVfio, type VfioMechanism, type VfioOutside } from './vfio.js';

/** All that the forwarder reaches the outside through. */
export interface ForwarderParts {
  /** The name of our path segment, `NSM_NAME`. */
  readonly name: string;
  readonly pci: PciBus;
  readonly namespaces: Namespaces;
  readonly functions: Functions;
  /** Whether a VF is reset after each of its users, where it can be. */
  readonly resetVfs: boolean;
  readonly vfio: VfioOutside;
  readonly issuer: TokenIssuer;
  readonly directory: Directory;
  readonly nextHops: NextHops;
  /** What a former process has left in it is taken over. */
  readonly journal: Journal;
  /** False when the journal has lost what former processes wrote: then reality alone has to tell. */
  readonly recordsComplete: boolean;
  readonly clock: Clock;
  readonly log: Log;
  /** Told of what each element and each inverse does. */
  readonly telemetry: Telemetry;
  readonly newId: () => string;
  /** Ends retries; connections are not closed by it. */
  readonly signal: AbortSignal;
}

/** What somebody asks of the forwarder, with who it is and how long it waits. */
export interface Asked {
  readonly caller: Caller;
  readonly signal: AbortSignal;
}

/** The forwarder as its gRPC server sees it: plain messages in, plain messages out. */
export interface Forwarder {
  /** Takes over what a former process has left, and finds out which VFs are free; once, before anything is given out. */
  takeOver(signal: AbortSignal): Promise<TakeOverReport>;
  /** Looks whether VFs that no connection has are free, as they are not where somebody else has them. */
  survey(signal: AbortSignal): Promise<void>;
  /** Looks again and again whether the node still is as is on record, until the forwarder's signal fires. */
  audit(intervalMs: number): Promise<void>;
  request(request: NetworkServiceRequest, asked: Asked): Promise<Connection>;
  close(connection: Connection, asked: Asked): Promise<void>;
  /** Names of former processes under which callers still know connections that are held here. */
  formerNames(): ReadonlySet<string>;
  /** The URL where an established connection goes on; undefined when none does. */
  nextHopOf(id: string): string | undefined;
  /** Takes note of what the next hop says of a connection. */
  saidBelow(id: string, said: SaidBelow): void;
  readonly connections: Connections;
  /** What pods have without a connection. */
  readonly podDevices: PodDevices;
  readonly events: ConnectionEvents;
  quarantined(): readonly QuarantinedFunction[];
  strays(): readonly Stray[];
}

/** What the start has found. */
export interface TakeOverReport {
  readonly connections: readonly TakenOver[];
  readonly quarantined: readonly QuarantinedFunction[];
  readonly strays: readonly Stray[];
}

/** Puts the forwarder together: this list of elements is what happens to a Request, from top to bottom. */
export function createForwarder(parts: ForwarderParts): Forwarder {
  const { clock, log, telemetry, functions, issuer, nextHops, signal } = parts;
  const { world, vfio, strays, attempt, book, quarantine } = createUndoing(parts);
  const records = new ConnectionRecords(parts.journal);
  const deliveries = [deliverKernel({ world, functions, strays, quarantine }), vfio.delivery, deliverNoop];
  const events = new ConnectionEvents(log);
  const elements = [
    updateToken(issuer),
    expire(clock),
    leaveFormerHop,
    chooseMechanism(deliveries, { functions, clock }),
    discover(parts.directory, clock),
    connectOnward(nextHops, clock),
  ];
  const undoing: Undoing = { attempt, book, admit: (owed) => quarantine.admit(owed) };
  const connections = new Connections({
    chain: chain(traced(elements, telemetry)),
    undoing,
    records,
    beforeClose: async (held, close) => {
      amendOnward(held, (known) => withCloseTokens(known, close, issuer));
      if (close !== undefined) await regainFromCaller(world, held, close);
    },
    events,
    clock,
    log,
  });
  const pods = keepPods(parts, { vfio, undoing, records });
  const keepers = [{ connections, inspect: inspectDelivered(deliveries) }, pods] as const;
  const keeperOf = (id: string) => keepers[isPodDevice(id) ? 1 : 0];
  const own = { name: parts.name, newId: parts.newId, isKnown: (id: string) => connections.has(id) };
  return {
    connections,
    podDevices: new PodDevices({ keeper: pods, log }),
    events,
    formerNames: () => connections.namesOtherThan(parts.name),
    nextHopOf(id) {
      const onward = connections.held(id)?.ledger.find('onward');
      return onward && onwardCandidate(onward).url;
    },
    saidBelow: (id, said) => noteFromBelow({ connections, events }, id, said),
    quarantined: () => quarantine.report(),
    strays: () => strays.report(),
    async takeOver(abort) {
      const taken = await takeOver({ ...parts, book, records, keeperOf, world, quarantine }, abort);
      await vfio.takeBackStrays(abort);
      await strays.takeOver(abort);
      return { connections: taken, quarantined: quarantine.report(), strays: strays.report() };
    },
    survey: (abort) => strays.survey(abort),
    async audit(intervalMs) {
      const vfioAudit = vfio.audit((work) => connections.each(({ ledger }) => work(ledger)), signal);
      await Promise.all([vfioAudit, auditForEver({ keepers, strays, clock, log, signal }, intervalMs)]);
    },
    async request(request, asked) {
      if (request.connection === undefined) throw new ForwarderError('invalid', 'the request has no connection');
      const { connection, caller } = enterPath(request.connection, own);
      const preferences = request.mechanismPreferences;
      const known = underId(connection, connections.idFor({ connection, preferences }));
      const answer = await connections.request({ connection: known, preferences, ...asked });
      return leavePath(answer, caller);
    },
    async close(message, asked) {
      const { connection } = enterPath(message, own);
      await connections.close({ connection, preferences: [], ...asked });
      await relieveByClose({ world, quarantine }, { connection, ...asked }).catch((thrown: unknown) => {
        log.warn('a VF stays away for now', { reason: toForwarderError(thrown).message });
      });
    },
  };
}

/** The door for pods that get a VF from kubelet itself: behind it there are no monitors, no next hops and no end of time. */
function keepPods(
  { clock, log, telemetry }: ForwarderParts,
  { vfio, undoing, records }: { vfio: VfioMechanism; undoing: Undoing; records: ConnectionRecords },
): Keeper {
  const { handing } = vfio;
  const connections = new Connections({
    chain: chain(traced([handing], telemetry)),
    undoing,
    records,
    beforeClose: async () => undefined,
    events: new ConnectionEvents(log),
    clock,
    log,
  });
  return { connections, inspect: handing.inspect };
}

/** What is on record, how each step of it is taken back, and who looks after VFs that are on no connection's. */
function createUndoing(parts: ForwarderParts) {
  const { clock, log, functions, signal } = parts;
  const world: World = {
    pci: parts.pci,
    namespaces: parts.namespaces,
    clock,
    held: new HeldNamespaces(),
    resetVfs: parts.resetVfs,
  };
  const vfio = createVfio(parts.vfio, { world, functions, log });
  const strays = new Strays({ ...parts, clean: cleaning(world), whyInUse: vfio.whyInUse });
  const inverses = undoAttempt(
    {
      ...kernelInverses(world),
      ...vfio.inverses,
      'function-claimed': releaseFunction(functions, strays),
      'function-doubted': cleanDoubted(world),
      onward: closeOnward(parts.nextHops, parts.directory),
    },
    clock,
  );
  const attempt = tracedUndoing(inverses, parts.telemetry);
  const book = new Book(parts.journal);
  vfio.restore([...book.byConnection().values()].flat());
  const quarantine = new Quarantine({ attempt, book }, { clock, log, signal, events: functions });
  return { world, vfio, strays, attempt, book, quarantine };
}

function cleaning(world: World) {
  return (vf: OfferedFunction, signal: AbortSignal) => cleanStray(world, { ...vf, driver: vf.kernelDriver }, signal);
}

/** What a Close to the next hop carries: the remembered connection with the tokens of this moment. */
function withCloseTokens(
  known: Connection,
  close: { readonly connection: Connection; readonly caller: Caller } | undefined,
  issuer: TokenIssuer,
): Connection {
  return withTokens({ ...known, state: State.UP }, close?.caller ?? silentCaller, issuer);
}

/** Nobody called: the connection ends by itself. */
const silentCaller: Caller = {
  receive: () => Promise.reject(new ForwarderError('refused', 'nobody is there to send a descriptor')),
};
