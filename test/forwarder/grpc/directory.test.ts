import { expect } from 'chai';
import { directoryOver } from '../../../src/forwarder/grpc/directory.js';
import { EndpointSockets } from '../../../src/forwarder/grpc/endpoint-sockets.js';
import { ForwarderError } from '../../../src/ports/error.js';
import type { CallOptions } from '../../../src/transport/caller.js';
import type { Channels } from '../../../src/transport/channels.js';
import { keptLog } from '../../transport/support/kept-log.js';
import { failure } from '../../transport/support/say.js';
import { until } from '../../transport/support/until.js';
import { manager } from './incoming.js';

/** A manager that says nothing to a look-up, or cannot be reached at all; counts look-ups. */
function silentManager({ away = false } = {}) {
  const asked = { count: 0 };
  const connection = {
    peer: manager,
    list: (_method: unknown, _query: unknown, { signal }: CallOptions) =>
      new Promise((_, reject) => signal.addEventListener('abort', () => reject(signal.reason as Error))),
  };
  const use = async (_target: unknown, _signal: AbortSignal, work: (it: never) => Promise<unknown>) => {
    asked.count += 1;
    if (away) throw new ForwarderError('unavailable', 'nobody listens there');
    return work(connection as never);
  };
  const channels = { use } as unknown as Channels;
  const sockets = new EndpointSockets();
  const directory = directoryOver({ channels, manager: 'unix:///run/nsm.io.sock', sockets, log: keptLog() });
  return { asked, directory };
}

describe('a look-up in the registry', () => {
  const lookUps = {
    'of a service': ({ directory }: ReturnType<typeof silentManager>, signal: AbortSignal) =>
      directory.findService('service', '', signal),
    'of endpoints': ({ directory }: ReturnType<typeof silentManager>, signal: AbortSignal) =>
      directory.findEndpoints('service', signal),
    'of an endpoint by name': ({ directory }: ReturnType<typeof silentManager>, signal: AbortSignal) =>
      directory.findEndpointByName('endpoint', signal),
  };

  for (const [what, lookUp] of Object.entries(lookUps)) {
    it(`N4: ${what} ends when its caller leaves, and is not tried again`, async () => {
      const silent = silentManager();
      const caller = new AbortController();
      const failed = failure(lookUp(silent, caller.signal));
      await until(() => silent.asked.count === 1);
      caller.abort(new ForwarderError('cancelled', 'the caller left'));
      expect((await failed).kind).to.equal('cancelled');
      expect(silent.asked.count).to.equal(1);
    });

    it(`N4: ${what} fails at once when the manager is away`, async () => {
      const away = silentManager({ away: true });
      expect((await failure(lookUp(away, new AbortController().signal))).kind).to.equal('unavailable');
      expect(away.asked.count).to.equal(1);
    });
  }
});
