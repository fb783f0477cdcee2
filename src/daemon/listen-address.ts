import { chmod, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { HostPort } from '../settings/environment/host-port.js';
import type { SocketUrl } from '../settings/environment/socket-url.js';

/** Where to listen, and what to remove afterwards. */
export interface ListenAddress extends AsyncDisposable {
  readonly url: string;
}

/** The configured address, else a socket in a fresh directory that only this user may enter. */
export async function listenAddress(configured: SocketUrl | undefined): Promise<ListenAddress> {
  if (configured !== undefined) {
    return { url: socketUrlText(configured), [Symbol.asyncDispose]: () => Promise.resolve() };
  }
  const folder = await mkdtemp(join(tmpdir(), 'forwarder-sriov-'));
  await chmod(folder, 0o700);
  return {
    url: `unix://${join(folder, 'listen_on.io.sock')}`,
    [Symbol.asyncDispose]: () => rm(folder, { recursive: true, force: true }),
  };
}

/**
 * Whether the manager knows where we listen by the path alone: our socket is in the folder of its own, which NSM mounts
 * under the same path everywhere.
 *
 * @param manager - where we reach the manager
 */
export function isBesideManager(configured: SocketUrl | undefined, manager: SocketUrl): boolean {
  return configured?.kind === 'unix' && manager.kind === 'unix' && dirname(configured.path) === dirname(manager.path);
}

/** `unix:///path` or `tcp://host:port`. */
export function socketUrlText(url: SocketUrl): string {
  if (url.kind === 'unix') return `unix://${url.path}`;
  return `tcp://${hostPortText(url)}`;
}

/** `host:port`, an IPv6 host in brackets. */
export function hostPortText({ host, port }: HostPort): string {
  return `${host.includes(':') ? `[${host}]` : host}:${port}`;
}
