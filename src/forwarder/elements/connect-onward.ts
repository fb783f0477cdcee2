import { Connection, type Mechanism } from '../../../apis/generated/connection.js';
import type { NetworkServiceRequest } from '../../../apis/generated/networkservice.js';
import type { Entry, Inverse } from '../../ledger/entry.js';
import type { Clock } from '../../ports/clock.js';
import { ForwarderError, toForwarderError } from '../../ports/error.js';
import type { Call } from '../chain/call.js';
import type { Element } from '../chain/element.js';
import type { HeldConnection } from '../chain/held-connection.js';
import { type Candidate, candidatesKey, type Directory } from './discover.js';

/** Calls to the components that a request goes to from here. */
export interface NextHops {
  /**
   * @throws ForwarderError with `details.answered` true when the next hop itself refused: then it holds nothing of ours
   */
  request(url: string, request: NetworkServiceRequest, wait: Wait): Promise<Connection>;
  close(url: string, connection: Connection, wait: Wait): Promise<void>;
}

/** How long an answer is waited for. The next hop learns of it: its own timers count from it (nsm-wire 3.4). */
export interface Wait {
  readonly signal: AbortSignal;
  readonly timeoutMs: number;
}

/** For a caller that sets itself no limit. */
const usualCallMs = 15_000;

/** How long a next hop may take to take a Close. */
export const closeMs = 5_000;

/**
 * Asks the next hop, over NOOP: the client's mechanism is this node's business. Candidates are tried in order; whatever
 * was prepared for the client is kept meanwhile. The last element of the chain.
 */
export function connectOnward(nextHops: NextHops, clock: Clock): Element {
  return {
    name: 'connect-onward',
    async request(call) {
      const left = (call.caller.deadline ?? clock.wallTime() + usualCallMs) - clock.wallTime();
      const timeoutMs = Math.max(1, left);
      using deadline = clock.deadline('waiting for the next hop', timeoutMs, call.signal);
      return await askInOrder(nextHops, call, { signal: deadline.signal, timeoutMs });
    },
  };
}

async function askInOrder(nextHops: NextHops, call: Call, wait: Wait): Promise<Connection> {
  const failures: { readonly endpoint: string; readonly error: ForwarderError }[] = [];
  for (const candidate of call.held.memory.get(candidatesKey) ?? []) {
    try {
      return await ask({ nextHops, wait }, candidate, call);
    } catch (thrown) {
      failures.push({ endpoint: candidate.endpoint, error: toForwarderError(thrown) });
      if (wait.signal.aborted) break;
    }
  }
  const last = failures.at(-1)?.error;
  if (failures.length === 1 && last !== undefined) throw last;
  const reasons = failures.map(({ endpoint, error }) => `${endpoint}: ${error.message}`).join('; ');
  throw new ForwarderError(last?.kind ?? 'unknown', `no candidate took the request: ${reasons}`, { cause: last });
}

interface Hops {
  readonly nextHops: NextHops;
  readonly wait: Wait;
}

async function ask(hops: Hops, candidate: Candidate, call: Call): Promise<Connection> {
  const { ledger } = call.held;
  const entry = ledger.find('onward');
  // What the next hop agreed to, in its own words.
  const request = onwardRequest(call.connection, candidate, entry && onwardConnection(entry).mechanism);
  if (entry === undefined || !isSameHop(onwardCandidate(entry), candidate)) {
    return askAnew(hops, { candidate, request }, call);
  }
  const answer = await answerOf(hops, candidate, request);
  ledger.amend(entry.id, onwardArgs(candidate, answer));
  return answer;
}

/** An endpoint may come back at another address; and one address may lead to several, which know us by one id. */
function isSameHop(a: Candidate, b: Candidate): boolean {
  return a.endpoint === b.endpoint || a.url === b.url;
}

async function askAnew(
  hops: Hops,
  { candidate, request }: { candidate: Candidate; request: NetworkServiceRequest },
  call: Call,
): Promise<Connection> {
  const { ledger } = call.held;
  const sent = request.connection ?? call.connection;
  return ledger.perform({ kind: 'onward', args: onwardArgs(candidate, sent) }, async (id) => {
    try {
      const answer = await answerOf(hops, candidate, request);
      ledger.amend(id, onwardArgs(candidate, answer));
      return answer;
    } catch (thrown) {
      const error = toForwarderError(thrown);
      // It said no by itself, so there is nothing to take back there; otherwise nobody knows, and a Close makes sure.
      if (error.details['answered'] === true) ledger.forget(id);
      else await ledger.release((entry) => entry.id === id);
      throw error;
    }
  });
}

/**
 * The answer, under our own id and at our own place in the path, whatever the next hop made of them: it could put
 * itself in another connection's place otherwise.
 */
async function answerOf(
  { nextHops, wait }: Hops,
  candidate: Candidate,
  request: NetworkServiceRequest,
): Promise<Connection> {
  const answer = await nextHops.request(candidate.url, request, wait);
  const id = request.connection?.id ?? '';
  const index = request.connection?.path?.index ?? 0;
  if (answer.path?.pathSegments[index]?.id !== id) {
    throw new ForwarderError(
      'unknown',
      `next hop ${candidate.endpoint} answered with a path in which segment ${index} is not ours (${id})`,
    );
  }
  return { ...answer, id, path: { ...answer.path, index } };
}

function onwardRequest(
  connection: Connection,
  candidate: Candidate,
  agreed: Mechanism | undefined,
): NetworkServiceRequest {
  const cls = /^(unix|inode):/.test(candidate.url) ? 'LOCAL' : 'REMOTE';
  return {
    connection: {
      ...connection,
      networkServiceEndpointName: candidate.endpoint,
      mechanism: agreed,
    },
    mechanismPreferences: [{ cls, type: 'NOOP', parameters: {} }],
  };
}

/** Plain data with all that a Close needs, fields that we do not know included. */
function onwardArgs(candidate: Candidate, connection: Connection) {
  const encoded = Buffer.from(Connection.encode(connection).finish()).toString('base64');
  return { url: candidate.url, endpoint: candidate.endpoint, connection: encoded };
}

/** The endpoint that an onward entry leads to. */
export function onwardCandidate({ args }: Entry): Candidate {
  return { endpoint: String(args['endpoint']), url: String(args['url']) };
}

function onwardConnection(entry: Entry): Connection {
  return Connection.decode(Buffer.from(String(entry.args['connection']), 'base64'));
}

/**
 * Takes an onward Request back. Where the endpoint was may not be where it is: it may have come back at another address,
 * and an address that was only a descriptor of ours ends with our process. Then the registry tells, or brings it again.
 */
export function closeOnward(nextHops: NextHops, directory: Pick<Directory, 'findEndpointByName'>): Inverse {
  return async (entry, signal) => {
    const { endpoint, url } = onwardCandidate(entry);
    const connection = onwardConnection(entry);
    const wait = { signal, timeoutMs: closeMs };
    try {
      await nextHops.close(url, connection, wait);
    } catch (thrown) {
      const error = toForwarderError(thrown);
      if (error.kind !== 'unavailable' && error.kind !== 'invalid') throw error;
      const now = await directory.findEndpointByName(endpoint, signal).catch(() => undefined);
      if (now === undefined) throw error;
      await nextHops.close(now.url, connection, wait);
    }
  };
}

/** Puts what a Close or expiry brings, such as fresh tokens, into the connection that the next hop will be sent. */
export function amendOnward(held: HeldConnection, change: (connection: Connection) => Connection): void {
  const entry = held.ledger.find('onward');
  if (entry === undefined) return;
  const changed = change(onwardConnection(entry));
  held.ledger.amend(entry.id, onwardArgs(onwardCandidate(entry), changed));
}
