import { expect } from 'chai';
import {
  type HealthCheckResponse,
  HealthCheckResponse_ServingStatus as Status,
} from '../../../apis/generated/health.js';
import { Health } from '../../../src/forwarder/grpc/health.js';
import type { Peer } from '../../../src/transport/peer.js';
import type { UnaryHandler } from '../../../src/transport/service.js';
import { kindOf } from '../kind-of.js';
import { incoming, stream } from './incoming.js';

type Check = UnaryHandler<{ service: string }, HealthCheckResponse, Peer>;

function health() {
  const it = new Health();
  const draining = new AbortController();
  const service = it.service(draining.signal);
  const check = (name: string) => (service.handlers['check'] as unknown as Check)({ service: name }, incoming());
  const watch = (name: string, signal?: AbortSignal) =>
    stream<HealthCheckResponse>(service, 'watch', { service: name }, incoming(signal === undefined ? {} : { signal }));
  return { health: it, check, watch, draining };
}

describe('Health', () => {
  for (const name of ['', 'networkservice.NetworkService', 'connection.MonitorConnection']) {
    it(`answers for ${JSON.stringify(name)} whether Requests are taken`, async () => {
      const { health: it, check } = health();
      expect((await check(name)).status).to.equal(Status.NOT_SERVING);
      it.set(true);
      expect((await check(name)).status).to.equal(Status.SERVING);
      it.set(false);
      expect((await check(name)).status).to.equal(Status.NOT_SERVING);
    });
  }

  it('does not know other services', async () => {
    const { check } = health();
    expect(await kindOf(check('other'))).to.equal('not-found');
  });

  it('watch tells the state at once and then each change, once', async () => {
    const { health: it, watch } = health();
    const seen = watch('');
    expect((await seen.next()).value).to.deep.equal({ status: Status.NOT_SERVING });
    const next = seen.next();
    it.set(false);
    it.set(true);
    expect((await next).value).to.deep.equal({ status: Status.SERVING });
    const last = seen.next();
    it.set(false);
    expect((await last).value).to.deep.equal({ status: Status.NOT_SERVING });
  });

  it('watch of an unknown service says so and stays open, as the protocol wants it', async () => {
    const { watch } = health();
    const leaves = new AbortController();
    const seen = watch('other', leaves.signal);
    expect((await seen.next()).value).to.deep.equal({ status: Status.SERVICE_UNKNOWN });
    const waiting = seen.next();
    leaves.abort();
    expect((await waiting).done).to.equal(true);
  });

  it('watch ends when the process does', async () => {
    const { watch, draining } = health();
    const seen = watch('');
    await seen.next();
    const waiting = seen.next();
    draining.abort();
    expect((await waiting).done).to.equal(true);
  });
});
