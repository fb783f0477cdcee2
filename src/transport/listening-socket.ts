import { once } from 'node:events';
import { lstat, unlink } from 'node:fs/promises';
import { connect, type Server } from 'node:net';
import { ForwarderError } from '../ports/error.js';
import type { EndpointAddress } from './endpoint-address.js';

/**
 * How many may wait to be accepted, if the kernel allows as many (net.core.somaxconn): as for Go. Whoever comes when the queue
 * of a unix socket is full is sent away at once, and Node asks for 511.
 */
const backlog = 4096;

/**
 * Makes a net.Server listen. A socket file that nobody listens on any more (left by a crash) is replaced; the file goes
 * when the server closes. The directory is the caller's: whoever may enter it may connect.
 *
 * @returns the URL with the real port
 * @throws ForwarderError `exists` when somebody listens there, or something that is no socket has the name
 */
export async function startListening(server: Server, address: EndpointAddress): Promise<string> {
  if (address.kind === 'tcp') {
    await listening(server, address.host === '' ? { port: address.port } : { host: address.host, port: address.port });
    const bound = server.address();
    const host = address.host.includes(':') ? `[${address.host}]` : address.host;
    return `tcp://${host}:${typeof bound === 'object' && bound !== null ? bound.port : address.port}`;
  }
  await removeStale(address.path);
  await listening(server, { path: address.path });
  return `unix://${address.path}`;
}

async function listening(server: Server, options: { path: string } | { host?: string; port: number }): Promise<void> {
  server.listen({ ...options, backlog });
  try {
    await once(server, 'listening');
  } catch (cause) {
    throw new ForwarderError('unavailable', `cannot listen: ${(cause as Error).message}`, { cause });
  }
}

async function removeStale(path: string): Promise<void> {
  const stat = await lstat(path).catch(() => undefined);
  if (stat === undefined) return;
  if (!stat.isSocket()) throw new ForwarderError('exists', `cannot listen on ${path}: it exists and is no socket`);
  if (await isAnswered(path)) throw new ForwarderError('exists', `cannot listen on ${path}: somebody listens there`);
  await unlink(path);
}

async function isAnswered(path: string): Promise<boolean> {
  const socket = connect({ path });
  try {
    await once(socket, 'connect');
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'ECONNREFUSED';
  } finally {
    socket.destroy();
  }
}
