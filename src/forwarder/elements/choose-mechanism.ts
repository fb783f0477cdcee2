import type { Connection, Mechanism } from '../../../apis/generated/connection.js';
import type { Finding } from '../../mechanism/finding.js';
import { ForwarderError, toForwarderError } from '../../ports/error.js';
import type { DriverType } from '../../resourcepool/driver-type.js';
import type { Call } from '../chain/call.js';
import type { Element, Next } from '../chain/element.js';
import { type HeldConnection, memoryKey } from '../chain/held-connection.js';
import { withSegment } from '../chain/path.js';
import { type ChangeParts, changeMechanism } from './change-mechanism.js';

/** One way to serve a client. It answers with `connection.mechanism` as the client shall have it. */
export interface Delivery extends Element {
  /** Mechanism types that it serves, the usual spelling first. */
  readonly types: readonly string[];
  /** What drives the VF that it claims; absent: it needs none. */
  readonly driverType?: DriverType;
  /** What it remembers of a connection that it serves. */
  readonly remembers: readonly { readonly name: string }[];
  /**
   * Compares what was delivered with reality; undefined when all is as it should be. It changes nothing, but for what is
   * on record and only the forwarder can mend.
   */
  readonly inspect: Inspect;
}

/** See {@link Delivery.inspect}. */
export type Inspect = (held: HeldConnection, signal: AbortSignal) => Promise<Finding | undefined>;

const chosenType = memoryKey<string>('mechanism type');

/**
 * Settles how the client is served. A connection that has a mechanism keeps to its type; else the preferences are tried
 * in order, until one of them got as far as the next hop: what lies beyond would answer the next one no better.
 *
 * A refresh may change the type; a connection that cannot be served the new way stays what it is.
 */
export function chooseMechanism(deliveries: readonly Delivery[], parts: ChangeParts): Element {
  return {
    name: 'choose-mechanism',
    async request(call, next) {
      const offered = call.connection.mechanism === undefined ? call.preferences : [call.connection.mechanism];
      const candidates = offered.flatMap((mechanism) => {
        const delivery = deliveries.find((it) => it.types.includes(mechanism.type));
        return delivery === undefined ? [] : [{ mechanism, delivery }];
      });
      if (candidates.length === 0) throw unsupported(offered, deliveries);
      const former = call.held.memory.get(chosenType);
      const from = deliveries.find(({ types }) => types[0] === former);
      return tryInOrder({ parts, from, candidates }, call, next);
    },
  };
}

/** Inspects a connection as the delivery does that serves it. */
export function inspectDelivered(deliveries: readonly Delivery[]): Inspect {
  return async (held, signal) => {
    const type = held.memory.get(chosenType);
    const delivery = deliveries.find(({ types }) => types.some((it) => it === type));
    if (delivery !== undefined) return delivery.inspect(held, signal);
    return { kind: 'gone', reason: `it was served by ${type ?? 'nothing'}, which this forwarder does not know` };
  };
}

interface Candidate {
  readonly mechanism: Mechanism;
  readonly delivery: Delivery;
}

interface Choice {
  readonly parts: ChangeParts;
  /** How the connection is served so far; undefined when it is new. */
  readonly from: Delivery | undefined;
  readonly candidates: readonly Candidate[];
}

async function tryInOrder({ parts, from, candidates }: Choice, call: Call, next: Next): Promise<Connection> {
  const failures: ForwarderError[] = [];
  for (const { mechanism, delivery } of candidates) {
    const before = { mark: call.held.ledger.mark(), memory: call.held.memory.snapshot() };
    const progress = { onward: false };
    try {
      const asked = { ...call, connection: withMetric({ ...call.connection, mechanism }) };
      const goOn: Next = (further) => {
        progress.onward = true;
        return next(further);
      };
      const served =
        from === undefined || from === delivery
          ? await delivery.request(asked, goOn)
          : await changeMechanism(parts, { change: { from, to: delivery }, call: asked, next: goOn });
      call.held.memory.set(chosenType, delivery.types[0] ?? delivery.name);
      return served;
    } catch (thrown) {
      const error = toForwarderError(thrown);
      if (progress.onward || call.signal.aborted || call.held.lost) throw error;
      failures.push(error);
      await call.held.ledger.unwind(before.mark);
      call.held.memory.restore(before.memory);
    }
  }
  throw allFailed(candidates, failures);
}

/** As all NSM components do, the first time: which interface serves the client. */
function withMetric(connection: Connection): Connection {
  const index = connection.path?.index ?? 0;
  const metrics = connection.path?.pathSegments[index]?.metrics ?? {};
  const { mechanism } = connection;
  if (mechanism === undefined || 'server_interface' in metrics) return connection;
  const name = mechanism.parameters['name'] ?? (Object.keys(mechanism.parameters).length === 0 ? 'unknown' : '');
  return withSegment(connection, index, { metrics: { ...metrics, server_interface: `${mechanism.type}/${name}` } });
}

function unsupported(offered: readonly Mechanism[], deliveries: readonly Delivery[]): ForwarderError {
  const asked = offered.map((it) => it.type).join(', ');
  const served = deliveries.flatMap((it) => it.types).join(', ');
  return new ForwarderError(
    'unsupported',
    offered.length === 0
      ? `the request names no mechanism: this forwarder serves ${served}`
      : `this forwarder serves none of the requested mechanisms (${asked}), only ${served}`,
  );
}

function allFailed(candidates: readonly Candidate[], failures: readonly ForwarderError[]): ForwarderError {
  const [first, ...more] = failures;
  if (first !== undefined && more.length === 0) return first;
  const reasons = failures.map((error, i) => `${candidates[i]?.mechanism.type}: ${error.message}`).join('; ');
  return new ForwarderError(first?.kind ?? 'unknown', `none of the requested mechanisms can be served: ${reasons}`, {
    cause: first,
  });
}
