import { once } from 'node:events';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { connect, createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { startListening } from '../../src/transport/listening-socket.js';

const mostWaiting = Number(readFileSync('/proc/sys/net/core/somaxconn', 'utf8'));

describe('a listening socket', () => {
  it('sends nobody away who comes while many others wait to be accepted', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'listening-'));
    const server = createServer((socket) => socket.destroy());
    const path = join(folder, 'socket');
    try {
      await startListening(server, { kind: 'unix', path });
      // All in one turn, in which the server accepts none: connect(2) on a unix socket is done, or refused, at once.
      const sockets = Array.from({ length: Math.min(1000, mostWaiting) }, () => connect({ path }));
      const outcomes = await Promise.all(
        sockets.map(async (socket) => {
          const [error] = (await Promise.race([once(socket, 'connect'), once(socket, 'close')])) as [unknown?];
          return error;
        }),
      );
      expect(outcomes.filter((error) => error !== undefined)).to.deep.equal([]);
      for (const socket of sockets) socket.destroy();
    } finally {
      server.close();
      rmSync(folder, { recursive: true });
    }
  });
});
