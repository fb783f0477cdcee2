import { once } from 'node:events';
import { readFileSync, writeFileSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { ChannelCredentials } from '@grpc/grpc-js';
import { expect } from 'chai';
import { EchoService } from './support/echo-service.js';
import { never, nodePair } from './support/node-pair.js';
import { StaticSource } from './support/static-source.js';

/** What we rely on although nobody promises it: if an upgrade breaks it, this says so by name. */
describe('what we use of Node and grpc-js without a promise', () => {
  it('a net.Socket has its descriptor in _handle.fd, accepted or dialled', async () => {
    const path = `/tmp/foreign-internals-${process.pid}.sock`;
    const server = createServer({ pauseOnConnect: true }).listen(path);
    await once(server, 'listening');
    const accepted = once(server, 'connection') as Promise<[Socket]>;
    const dialled = connect(path);
    await once(dialled, 'connect');
    for (const socket of [dialled, (await accepted)[0]]) {
      expect((socket as unknown as { _handle: { fd: number } })._handle.fd).to.be.greaterThan(2);
      socket.destroy();
    }
    server.close();
  });

  it('grpc-js makes a connector of four functions from channel credentials', () => {
    const insecure = ChannelCredentials.createInsecure();
    expect(insecure._isSecure()).to.equal(false);
    expect(insecure._equals(insecure)).to.equal(true);
    const connector = insecure._createSecureConnector({ scheme: 'unix', path: '/x' }, {});
    expect(Object.keys(connector).sort()).to.deep.equal(['connect', 'destroy', 'getCallCredentials', 'waitForReady']);
  });

  it('handshakes that run at the same time on one tls.Server each find their own connection', async () => {
    await using pair = await nodePair({
      say: async (url, call) => {
        using received = await call.peer.receive(url, call.signal);
        return `${call.peer.spiffeId} sent ${readFileSync(received.path, 'utf8')}`;
      },
    });
    const ask = async (_: unknown, i: number) => {
      writeFileSync(`${pair.directory}/file-${i}`, `file ${i}`);
      const channels = pair.client(new StaticSource(await pair.authority.issue(`/client-${i}`)));
      return channels.use(pair.server.url, never, (connection) =>
        connection.unary(EchoService.say, connection.sendFile(`${pair.directory}/file-${i}`), { signal: never }),
      );
    };
    const answers = await Promise.all(Array.from({ length: 24 }, ask));
    expect(answers).to.deep.equal(answers.map((_, i) => `spiffe://nodes.test/client-${i} sent file ${i}`));
  });
});
