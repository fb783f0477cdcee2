import { setMaxListeners } from 'node:events';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CertificateAuthority } from '../../../simulation/certificate-authority.js';
import { Channels, type ChannelsOptions } from '../../../src/transport/channels.js';
import { Es256TokenIssuer } from '../../../src/transport/es256-token-issuer.js';
import { type Listener, type ListenOptions, listen } from '../../../src/transport/listen.js';
import type { Peer } from '../../../src/transport/peer.js';
import { type Handlers, service } from '../../../src/transport/service.js';
import { realClock } from '../../sim/real-clock.js';
import { EchoService } from './echo-service.js';
import { type KeptLog, keptLog } from './kept-log.js';
import { StaticSource } from './static-source.js';

/** A server and a client of ours with identities of one trust domain. */
export interface NodePair extends AsyncDisposable {
  readonly authority: CertificateAuthority;
  readonly directory: string;
  readonly server: Listener;
  readonly serverSource: StaticSource;
  readonly clientSource: StaticSource;
  readonly channels: Channels;
  readonly log: KeptLog;
  /** Another client; disposed with the pair. */
  client(source: StaticSource, options?: Partial<ChannelsOptions>): Channels;
}

export const clock = realClock();

export async function nodePair(
  handlers: Handlers<typeof EchoService, Peer>,
  options: Partial<ListenOptions> & { client?: Partial<ChannelsOptions> } = {},
): Promise<NodePair> {
  const authority = await CertificateAuthority.create('nodes.test');
  const directory = mkdtempSync(join(tmpdir(), 'transport-'));
  const serverSource = new StaticSource(await authority.issue('/server'));
  const clientSource = new StaticSource(await authority.issue('/client'));
  const log = keptLog();
  const { signal } = new AbortController();
  const services = [service<typeof EchoService, Peer>(EchoService, handlers)];
  const url = `unix://${directory}/server.sock`;
  const cleanUp = () => rmSync(directory, { recursive: true, force: true });
  const server = await listen({ url, source: serverSource, services, clock, log, signal, ...options }).catch(
    (error: unknown) => {
      cleanUp();
      throw error;
    },
  );
  const clients: Channels[] = [];
  const client = (source: StaticSource, more: Partial<ChannelsOptions> = {}) => {
    const tokens = new Es256TokenIssuer({ source, clock, lifetimeMs: 600_000 });
    const channels = new Channels({ source, tokens, clock, ...more });
    clients.push(channels);
    return channels;
  };
  return {
    authority,
    directory,
    server,
    serverSource,
    clientSource,
    log,
    client,
    channels: client(clientSource, options.client),
    async [Symbol.asyncDispose]() {
      for (const channels of clients) await channels[Symbol.asyncDispose]();
      await server[Symbol.asyncDispose]();
      cleanUp();
    },
  };
}

/** For calls that nobody cancels. */
export const never = new AbortController().signal;
setMaxListeners(0, never);
