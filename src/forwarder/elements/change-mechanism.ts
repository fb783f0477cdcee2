import type { Connection } from '../../../apis/generated/connection.js';
import type { Mark } from '../../ledger/ledger.js';
import type { Clock } from '../../ports/clock.js';
import { toForwarderError } from '../../ports/error.js';
import type { Call } from '../chain/call.js';
import type { Next } from '../chain/element.js';
import type { Delivery } from './choose-mechanism.js';
import { type FormerClaim, type Functions, formerClaim, returnClaim } from './claim-function.js';

/** What a change of the mechanism works with. */
export interface ChangeParts {
  readonly functions: Functions;
  readonly clock: Clock;
}

/** From one way to serve a connection to another. */
export interface Change {
  readonly from: Delivery;
  readonly to: Delivery;
}

/** What a client is served with the one way has to be free for the other; this is held until that has succeeded. */
const kept: ReadonlySet<string> = new Set(['function-claimed', 'namespace-held', 'onward']);

/** Where the new way needs no VF. */
const keptWithoutVf: ReadonlySet<string> = new Set(['onward']);

/** How long it may take to serve a client again as it was served before. */
const restoreMs = 20_000;

/**
 * Serves an established connection another way. What it has is given back only when all is checked and the next hop has
 * agreed; if it then cannot be served the new way, it is served as before, and the Request fails.
 *
 * @param call with the new mechanism
 * @throws ForwarderError why it could not be; the connection is {@link HeldConnection.lost} when it has nothing now
 */
export async function changeMechanism(
  parts: ChangeParts,
  { change, call, next }: { readonly change: Change; readonly call: Call; readonly next: Next },
): Promise<Connection> {
  const { held } = call;
  const before = { mark: held.ledger.mark(), memory: held.memory.snapshot(), claim: formerClaim(call), given: false };
  try {
    const answer = await change.to.request(call, async (further) => {
      const answered = await next(further);
      await giveBack(change, before.mark, call);
      before.given = true;
      return answered;
    });
    call.signal.throwIfAborted();
    await letGo(change.to, before.mark, call);
    return answer;
  } catch (thrown) {
    const error = toForwarderError(thrown);
    await goBack(parts, { change, call, before });
    throw error;
  }
}

/**
 * A VF whose way back fails goes to quarantine, its claim with it. A new way that needs no VF goes on without it.
 *
 * @throws ForwarderError what failed, when the new way needs a VF
 */
async function giveBack({ from, to }: Change, mark: Mark, { held, log }: Call): Promise<void> {
  log.info('mechanism changes', { from: from.types[0] });
  held.giveUp();
  const needsVf = to.driverType !== undefined;
  const keeps = needsVf ? kept : keptWithoutVf;
  const { failures } = await held.ledger.release(({ id, kind }) => (id as number) <= mark && !keeps.has(kind));
  for (const key of from.remembers) held.memory.delete(key);
  const [first] = failures;
  if (first !== undefined && needsVf) throw first;
}

/** What the former way held and the new one does not need. */
async function letGo(to: Delivery, mark: Mark, { held: { ledger } }: Call): Promise<void> {
  const claim = to.driverType === undefined ? undefined : ledger.find('function-claimed')?.id;
  const { failures } = await ledger.release(
    ({ id, kind }) => (id as number) <= mark && kept.has(kind) && kind !== 'onward' && id !== claim,
  );
  const [first] = failures;
  if (first !== undefined) throw first;
}

interface GoingBack {
  readonly change: Change;
  readonly call: Call;
  readonly before: {
    readonly mark: Mark;
    readonly memory: ReadonlyMap<string, unknown>;
    readonly claim: FormerClaim | undefined;
    readonly given: boolean;
  };
}

async function goBack({ functions, clock }: ChangeParts, { change, call, before }: GoingBack): Promise<void> {
  const { held, log } = call;
  const { owed } = await held.ledger.unwind(before.mark);
  held.memory.restore(before.memory);
  if (owed.size > 0 || held.lost !== before.given) return; // a VF that waits in quarantine serves nobody
  if (before.claim !== undefined) returnClaim(functions, before.claim, call);
  const { established } = held;
  if (!before.given || established === undefined) return;
  for (const key of change.from.remembers) held.memory.delete(key);
  try {
    using deadline = clock.deadline('serving the client as before', restoreMs);
    const { connection } = established;
    await change.from.request({ ...call, connection, signal: deadline.signal }, async () => connection);
    held.establish(connection);
    log.info('the client is served as before', { mechanism: change.from.types[0] });
  } catch (thrown) {
    log.warn('the client cannot be served as before either', { reason: toForwarderError(thrown).message });
  }
}
