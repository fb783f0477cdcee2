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
      logged(log, { call: 'Request', connection: request.connection?.id }, () =>
        doorkeeper.request(request, call, () =>
          forwarder.request(request, { caller: callerOf(call), signal: call.signal }),
        ),
      ),
    close: (connection, call) =>
      logged(log, { call: 'Close', connection: connection.id }, async () => {
        doorkeeper.close(connection, call);
        await forwarder.close(connection, { caller: callerOf(call), signal: call.signal });
        return {};
      }),
  });
}

async function logged<T>(log: Log, fields: Record<string, unknown>, work: () => Promise<T>): Promise<T> {
  try {
    const result = await work();
    log.info(`${fields['call']} done`, fields);
    return result;
  } catch (thrown) {
    const error = toForwarderError(thrown);
    log.warn(`${fields['call']} failed: ${error.message}`, {
      ...fields,
      kind: error.kind,
      ...(error.undoFailures.length > 0 && { notUndone: error.undoFailures.map((failure) => failure.message) }),
    });
    throw error;
  }
}
