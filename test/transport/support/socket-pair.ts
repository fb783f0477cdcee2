import { once } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { connect, createServer, type Socket } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { shelfDefaults } from '../../../src/transport/descriptor-shelf.js';
import type { FdSocket } from '../../../src/transport/fd-socket.js';
import { handOver } from '../../../src/transport/socket-handover.js';
import { realClock } from '../../sim/real-clock.js';

/** Two ends of one unix connection. */
export interface SocketPair extends AsyncDisposable {
  readonly near: FdSocket;
  readonly far: FdSocket;
}

export async function socketPair(
  patienceMs: number = shelfDefaults.patienceMs,
  capacity: number = shelfDefaults.capacity,
): Promise<SocketPair> {
  const directory = mkdtempSync(join(tmpdir(), 'fd-socket-'));
  const server = createServer({ pauseOnConnect: true }).listen(`${directory}/s`);
  await once(server, 'listening');
  const accepted = once(server, 'connection') as Promise<[Socket]>;
  const dialled = connect(`${directory}/s`);
  await once(dialled, 'connect');
  const options = { clock: realClock(), patienceMs, capacity };
  const near = handOver(dialled, options);
  const far = handOver((await accepted)[0], options);
  server.close();
  rmSync(directory, { recursive: true });
  for (const end of [near, far]) end.on('error', () => {});
  return {
    near,
    far,
    async [Symbol.asyncDispose]() {
      await Promise.all([near, far].map(destroyed));
    },
  };
}

async function destroyed(end: FdSocket): Promise<void> {
  if (end.closed) return;
  const closed = once(end, 'close');
  end.destroy();
  await closed;
}
