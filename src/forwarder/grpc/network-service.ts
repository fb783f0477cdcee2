import type { Connection } from '../../../apis/generated/connection.js';
import { NetworkServiceService } from '../../../apis/generated/networkservice.js';
import { toForwarderError } from '../../ports/error.js';
import type { Log } from '../../ports/log.js';
import type { Peer } from '../../transport/peer.js';
import { type Service, service } from '../../transport/service.js';
import type { Forwarder } from '../forwarder.js';
import { callerOf } from './caller.js';
import type { Doorkeeper } from './doorkeeper.js';

/** `networkservice.NetworkService`: Request and Close. Failures are logged here, once, with what could not be undone. */
export function networkService(
  forwarder: Pick<Forwarder, 'request' | 'close'>,
  doorkeeper: Pick<Doorkeeper, 'request' | 'close'>,
  log: Log,
): Service<Peer> {
  return service(NetworkServiceService, {
    request: (request, call) =>
      logged({ log, call: 'Request', connection: request.connection }, () =>
        doorkeeper.request(request, call, () =>
          forwarder.request(request, { caller: callerOf(call), signal: call.signal }),
        ),
      ),
    close: async (connection, call) => {
      await logged({ log, call: 'Close', connection }, async () => {
        doorkeeper.close(connection, call);
        await forwarder.close(connection, { caller: callerOf(call), signal: call.signal });
        return connection;
      });
      return {};
    },
  });
}

interface Logged {
  readonly log: Log;
  readonly call: 'Request' | 'Close';
  /** As the caller sent it. */
  readonly connection: Connection | undefined;
}

async function logged({ log, call, connection }: Logged, work: () => Promise<Connection>): Promise<Connection> {
  try {
    const result = await work();
    log.info(`${call} done`, { call, connection: ownIdIn(result) });
    return result;
  } catch (thrown) {
    const error = toForwarderError(thrown);
    log.warn(`${call} failed: ${error.message}`, {
      call,
      connection: connection && ownIdIn(connection),
      kind: error.kind,
      ...(error.undoFailures.length > 0 && { notUndone: error.undoFailures.map((failure) => failure.message) }),
    });
    throw error;
  }
}

/** Our own id of a connection as its caller sees it, which all other lines have; the caller's while it has none. */
function ownIdIn({ id, path }: Connection): string {
  return path?.pathSegments[path.index + 1]?.id ?? id;
}
