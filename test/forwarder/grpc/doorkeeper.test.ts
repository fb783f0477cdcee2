import { expect } from 'chai';
import { Connection, type PathSegment } from '../../../apis/generated/connection.js';
import { NetworkServiceRequest } from '../../../apis/generated/networkservice.js';
import { segment } from '../../../src/forwarder/chain/path.js';
import { ForwarderError, toForwarderError } from '../../../src/ports/error.js';
import { forged, now } from '../../policies/signer.js';
import { client, denial, forwarder, manager, newManager, otherClient, path, stranger, usual, world } from './door.js';

describe('a doorkeeper', () => {
  it('lets in what a manager sends for a client: Request, refresh and Close', async () => {
    const { request, close } = world();
    await request();
    await request({ id: 'of manager-of-nsc' });
    close({ id: 'of manager-of-nsc' });
  });

  it('takes the token that came with the call for that of the caller, whatever the path says', async () => {
    const { request } = world();
    const [first, second] = path(client, manager) as [PathSegment, PathSegment];
    const stale = [first, { ...second, token: 'old' }];
    await request({ before: stale, token: manager.for(forwarder).text });
    expect(await denial(() => request({ before: stale }))).to.include('common/tokens_valid');
  });

  for (const [what, token, policy] of [
    ['expired', manager.for(forwarder, { exp: now / 1000 - 1 }).text, 'common/tokens_expired'],
    ['not yet good', manager.for(forwarder, { nbf: now / 1000 + 60 }).text, 'common/tokens_expired'],
    ['meant for another', manager.for(stranger).text, 'common/tokens_chained'],
    ['unsigned', manager.for(forwarder, {}, { alg: 'none' }).text.replace(/[^.]+$/, ''), 'server/prev_token_signed'],
    ['made to last longer', forged(manager.for(forwarder), { exp: now }).text, 'server/prev_token_signed'],
    ['signed again by another', stranger.for(forwarder, { sub: manager.spiffeId }).text, 'server/prev_token_signed'],
    ['no token', 'eyJ', 'common/tokens_valid'],
  ] as const) {
    it(`refuses a caller whose token is ${what}, for ${policy}, without quoting it`, async () => {
      const { request, close } = world();
      for (const call of [() => request({ token }), () => close({ token })]) {
        const message = await denial(call);
        expect(message)
          .to.match(/^no sufficient privileges: /)
          .and.to.include(policy);
        expect(message).not.to.include(token);
      }
    });
  }

  it('refuses a path whose client addressed its token to somebody else than the caller', async () => {
    const { request } = world();
    expect(
      await denial(() =>
        request({ before: [...path(client, stranger).slice(0, 1), ...path(client, manager).slice(1)] }),
      ),
    ).to.include('common/tokens_chained');
  });

  it('A2: refuses a call without a path, and one whose index is beyond it, without stumbling', async () => {
    const { request, doorkeeper, callOf } = world();
    expect(await denial(() => request({ before: [] }))).to.include('server/prev_token_signed');
    const beyond = Connection.fromPartial({ id: 'x', path: { index: 7, pathSegments: path(client, manager) } });
    expect(() => doorkeeper.close(beyond, callOf({})))
      .to.throw(ForwarderError)
      .with.property('kind', 'invalid');
  });

  it('reads no path of a thousand segments', () => {
    const { close } = world();
    const before = Array.from({ length: 1000 }, () => path(client, manager)[0] as PathSegment);
    expect(() => close({ before }))
      .to.throw(ForwarderError, '1000 segments')
      .with.property('kind', 'invalid');
  });

  it('lets everybody in where there is no policy', async () => {
    const { request, close, monitor } = world([]);
    await request({ before: [segment('client', 'a'), segment('manager', 'b')], id: 'one' });
    close({ peer: stranger, before: [segment('s', 'c')], id: 'one' });
    expect(monitor(stranger, 'x')(Connection.fromPartial({ id: 'one' }))).to.equal(true);
  });
});

describe('a doorkeeper, once a connection is there', () => {
  it("refuses another client's refresh and Close of it through the same manager", async () => {
    const { request, close } = world();
    await request();
    const call = { before: path(otherClient, manager), id: 'of manager-of-nsc' };
    expect(await denial(() => request(call))).to.include(client.spiffeId);
    expect(await denial(() => close(call))).to.include('server/connection_owned');
  });

  it('refuses a stranger that names the client at the head of its path', async () => {
    const { request, close } = world();
    await request();
    const forgedHead = [{ ...segment('client', 'nsc'), token: client.for(stranger).text }];
    const before = [...forgedHead, { ...segment('s', 'x'), token: stranger.for(forwarder).text }];
    for (const call of [request, close]) {
      const message = await denial(() => call({ peer: stranger, before, id: 'of manager-of-nsc' }));
      expect(message).to.include(manager.spiffeId);
    }
  });

  it('refuses it also under another id by which the connection would be found', async () => {
    const { request, held } = world();
    await request();
    held.alias('another', 'of manager-of-nsc');
    expect(await denial(() => request({ before: path(otherClient, manager), id: 'another' }))).to.include(
      client.spiffeId,
    );
  });

  it('lets our own manager go on with it under another identity', async () => {
    const known: { manager?: string } = {};
    const { request, close } = world(usual, known);
    await request();
    const call = { peer: newManager, before: path(client, newManager), id: 'of manager-of-nsc' };
    await denial(() => request(call));
    known.manager = newManager.spiffeId;
    await request(call);
    close(call);
  });

  it('keeps others out from the first Request on, not from its answer on', async () => {
    const { doorkeeper, request, messageOf, callOf } = world();
    let answer: (connection: Connection) => void = () => undefined;
    const slow = doorkeeper.request(
      NetworkServiceRequest.fromPartial({ connection: messageOf({ id: 'one' }) }),
      callOf({}),
      () => new Promise((resolve) => (answer = resolve)),
    );
    expect(await denial(() => request({ before: path(otherClient, manager), id: 'one' }))).to.include(client.spiffeId);
    answer(messageOf({ id: 'one' }));
    await slow;
  });

  it('serves many newcomers at once, whoever they are', async () => {
    const { request } = world();
    await Promise.all([
      request({ before: path(client, manager, 'a') }),
      request({ before: path(otherClient, manager, 'b') }),
    ]);
  });

  it('A1: goes on with all connections of a caller one of whose Requests has failed', async () => {
    const { request, monitor, doorkeeper, messageOf, callOf, held } = world();
    await request();
    const failing = { before: path(otherClient, manager, 'other') };
    const failed = doorkeeper.request(
      NetworkServiceRequest.fromPartial({ connection: messageOf(failing) }),
      callOf(failing),
      () => Promise.reject(new ForwarderError('exhausted', 'no free VF')),
    );
    expect(toForwarderError(await failed.catch((error: unknown) => error)).kind).to.equal('exhausted');

    await request({ id: 'of manager-of-nsc' });
    const shown = monitor(manager, 'manager-of-nsc');
    expect(held.connections.established().map(shown)).to.deep.equal([true]);
    expect(await denial(() => request({ before: path(otherClient, manager), id: 'of manager-of-nsc' }))).to.include(
      client.spiffeId,
    );
  });

  it('forgets whose it was when it ends, or never came to be', async () => {
    const { request, held, doorkeeper, messageOf, callOf } = world();
    await request();
    held.end('of manager-of-nsc');
    await Promise.resolve();
    await request({ before: path(otherClient, manager), id: 'of manager-of-nsc' });

    const refused = doorkeeper.request(
      NetworkServiceRequest.fromPartial({ connection: messageOf({ id: 'never' }) }),
      callOf({}),
      () => Promise.reject(new Error('no')),
    );
    await refused.catch(() => undefined);
    await request({ before: path(otherClient, manager, 'x'), id: 'never' });
  });

  it('knows by the tokens on record whose it is after a restart', async () => {
    const { held, request } = world();
    const pathSegments = [...path(client, manager), segment('forwarder', 'old')];
    held.put(Connection.fromPartial({ id: 'old', path: { index: 2, pathSegments } }));
    expect(await denial(() => request({ before: path(otherClient, manager), id: 'old' }))).to.include(client.spiffeId);
    await request({ id: 'old' });
  });
});

describe('a monitor at the door', () => {
  it('S6: is shown the connections that were made through it, and no others', async () => {
    const { request, monitor, held } = world();
    await request();
    await request({ peer: newManager, before: path(otherClient, newManager, 'other') });

    const [own, others] = held.connections.established() as [Connection, Connection];
    expect([own, others].map(monitor(manager))).to.deep.equal([true, false]);
    expect([own, others].map(monitor(newManager, 'manager-of-other'))).to.deep.equal([false, true]);
  });

  it('S6: is refused when it names connections of others', async () => {
    const { request, monitor } = world();
    await request();
    for (const id of ['manager-of-nsc', 'nsc', 'of manager-of-nsc']) {
      expect(await denial(() => monitor(stranger, id))).to.include('monitor/service_connection');
    }
  });

  it('may come before its connection does', async () => {
    const { request, monitor, held } = world();
    const shown = monitor(manager, 'manager-of-nsc');
    await request();
    expect(held.connections.established().map(shown)).to.deep.equal([true]);
  });

  it('is told of the end of its own connections', async () => {
    const { request, monitor, held } = world();
    await request();
    const shown = monitor(manager);
    const seen: boolean[] = [];
    held.events.subscribe(({ connection }) => seen.push(shown(connection)));
    held.end('of manager-of-nsc');
    expect(seen).to.deep.equal([true]);
  });
});
