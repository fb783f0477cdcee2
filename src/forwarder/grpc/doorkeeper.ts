import type { Connection, Mechanism, MonitorScopeSelector } from '../../../apis/generated/connection.js';
import type { NetworkServiceRequest } from '../../../apis/generated/networkservice.js';
import { type PathToken, readToken } from '../../policies/jwt.js';
import { judge, type Owner, type Policy, type PolicyInput } from '../../policies/policy.js';
import type { Clock } from '../../ports/clock.js';
import { ForwarderError } from '../../ports/error.js';
import type { TokenIssuer } from '../../ports/identity.js';
import { tokenHeader } from '../../transport/connection.js';
import type { Peer } from '../../transport/peer.js';
import type { IncomingCall } from '../../transport/service.js';
import { enterPath } from '../chain/path.js';
import type { Forwarder } from '../forwarder.js';
import { Owners } from './owners.js';

export interface DoorkeeperParts {
  /** The name of our path segment. */
  readonly name: string;
  /** Those whose names begin with `monitor/` judge monitors, the others Requests and Closes. None: everybody may. */
  readonly policies: readonly Policy[];
  readonly forwarder: Pick<Forwarder, 'connections' | 'events'>;
  readonly issuer: TokenIssuer;
  readonly clock: Pick<Clock, 'wallTime'>;
  /** The SPIFFE ID of our manager, as soon as it is known. */
  readonly manager: () => string | undefined;
}

/** No honest path is nearly as long, and each of its tokens is read. */
const longestPath = 64;

/** A call as its path tells it. */
interface Arrived {
  /** Our own id of the connection, or a new one. */
  readonly id: string;
  readonly tokens: readonly PathToken[];
  readonly index: number;
  readonly asker: Owner;
}

/**
 * Decides who is let in: the one place where Requests, Closes and monitors are authorised (nsm-wire 5.4). Failures are
 * `denied` and name the policy and its reason.
 */
export class Doorkeeper {
  readonly #parts: DoorkeeperParts;
  readonly #callPolicies: readonly Policy[];
  readonly #monitorPolicies: readonly Policy[];
  readonly #owners: Owners;
  #newcomers = 0;

  constructor(parts: DoorkeeperParts) {
    this.#parts = parts;
    const isForMonitors = ({ name }: Policy) => name.startsWith('monitor/');
    this.#monitorPolicies = parts.policies.filter(isForMonitors);
    this.#callPolicies = parts.policies.filter((policy) => !isForMonitors(policy));
    this.#owners = new Owners(parts.forwarder);
  }

  /**
   * Lets a Request in and notes whose the connection is.
   *
   * @throws ForwarderError `denied`, `invalid` (path), or what the work throws
   */
  async request(
    { connection, mechanismPreferences }: NetworkServiceRequest,
    call: IncomingCall<Peer>,
    work: () => Promise<Connection>,
  ): Promise<Connection> {
    if (connection === undefined) return work(); // refused there
    const arrived = this.#arrived(connection, mechanismPreferences, call);
    this.#judgeCall(arrived, call.peer);
    const asking = this.#owners.asking(arrived.id, arrived.asker);
    try {
      const answer = await work();
      asking.granted(answer.path?.pathSegments[arrived.index]?.id ?? arrived.id);
      return answer;
    } catch (error) {
      asking.refused();
      throw error;
    }
  }

  /** @throws ForwarderError `denied`, `invalid` (path) */
  close(connection: Connection, call: IncomingCall<Peer>): void {
    this.#judgeCall(this.#arrived(connection, [], call), call.peer);
  }

  /**
   * Lets a monitor in; returns what it is shown of what it asks for, connections with our own id and index.
   *
   * @throws ForwarderError `denied`
   */
  monitor({ pathSegments }: MonitorScopeSelector, peer: Peer): (connection: Connection) => boolean {
    if (this.#monitorPolicies.length === 0) return () => true;
    const { spiffeId } = peer;
    const isOwn = ({ id }: Connection) => this.#owners.of(id)?.caller === spiffeId;
    const named = new Set(pathSegments.map(({ id }) => id));
    const namedIn = (connections: readonly Connection[]) =>
      connections.flatMap(({ path }) => path?.pathSegments ?? []).flatMap(({ id }) => (named.has(id) ? id : []));
    const there = this.#parts.forwarder.connections.established();
    const monitor = { own: namedIn(there.filter(isOwn)), others: namedIn(there.filter((it) => !isOwn(it))) };
    this.#judge(this.#monitorPolicies, { ...this.#input([], 0, peer), monitor });
    return isOwn;
  }

  /** Steps to our own segment as the forwarder will, and under the id that the forwarder will use. */
  #arrived(message: Connection, preferences: readonly Mechanism[], call: IncomingCall<Peer>): Arrived {
    const { name, issuer, forwarder } = this.#parts;
    const length = message.path?.pathSegments.length ?? 0;
    if (length > longestPath) {
      throw new ForwarderError('invalid', `the path has ${length} segments: at most ${longestPath} are taken`);
    }
    const { connections } = forwarder;
    const { connection } = enterPath(message, {
      name,
      newId: () => this.#placeholder(),
      isKnown: (id) => connections.has(id),
    });
    const index = connection.path?.index ?? 0;
    const before = (connection.path?.pathSegments ?? []).slice(0, index).map(({ token }) => token);
    const fresh = call.metadata[tokenHeader];
    if (fresh !== undefined && index > 0) before[index - 1] = fresh;
    const tokens = before.map(readToken);
    const { spiffeId: caller, notAfter } = call.peer;
    const origin = index > 1 ? tokens[0]?.claims?.subject : caller;
    return {
      id: connections.idFor({ connection, preferences }),
      tokens: [...tokens, readToken(issuer.issue(caller, notAfter).token)],
      index,
      asker: { caller, ...(origin !== undefined && { origin }) },
    };
  }

  /** Stands for the id that the forwarder will give a new connection. */
  #placeholder(): string {
    this.#newcomers += 1;
    return `newcomer ${this.#newcomers}`;
  }

  #judgeCall({ id, tokens, index, asker }: Arrived, peer: Peer): void {
    if (this.#callPolicies.length === 0) return;
    const owner = this.#owners.of(id);
    const manager = this.#parts.manager();
    this.#judge(this.#callPolicies, {
      ...this.#input(tokens, index, peer),
      connection: { asker, ...(owner !== undefined && { owner }), ...(manager !== undefined && { manager }) },
    });
  }

  #input(tokens: readonly PathToken[], index: number, { spiffeId, publicKey }: Peer): PolicyInput {
    return { tokens, index, peer: { spiffeId, publicKey }, now: this.#parts.clock.wallTime() };
  }

  #judge(policies: readonly Policy[], input: PolicyInput): void {
    const denial = judge(policies, input);
    if (denial === undefined) return;
    throw new ForwarderError('denied', `no sufficient privileges: ${denial.policy}: ${denial.reason}`, {
      details: { policy: denial.policy, caller: input.peer.spiffeId },
    });
  }
}
