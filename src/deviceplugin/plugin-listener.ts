import { Server, ServerCredentials } from '@grpc/grpc-js';
import { DevicePluginService } from '../../apis/generated/deviceplugin-v1beta1.js';
import type { Clock } from '../ports/clock.js';
import { ForwarderError } from '../ports/error.js';
import type { PluginService } from './plugin-service.js';
import { checkSocketPath, clearStaleSocket, type FileIdentity, fileIdentity } from './socket-file.js';

/** How long kubelet's ends of closed streams may take to hang up before they are cut. */
const HANG_UP_MS = 1_000;

/**
 * A plugin's gRPC server on its unix socket. Disposing it disposes the service (which ends its streams in order), closes
 * every connection and removes the socket.
 */
export class PluginListener implements AsyncDisposable {
  /** The socket file, to notice when somebody removes or replaces it. */
  readonly identity: FileIdentity;
  readonly #server: Server;
  readonly #service: PluginService;
  readonly #clock: Clock;

  private constructor(parts: { identity: FileIdentity; server: Server; service: PluginService; clock: Clock }) {
    this.identity = parts.identity;
    this.#server = parts.server;
    this.#service = parts.service;
    this.#clock = parts.clock;
  }

  /**
   * Serves on the path from the moment it resolves. A socket left behind by a dead process is removed first.
   *
   * @throws ForwarderError `busy` (a living process serves there), `exists`, `invalid` (path too long), `unavailable`
   */
  static async open(path: string, service: PluginService, clock: Clock): Promise<PluginListener> {
    checkSocketPath(path);
    await clearStaleSocket(path);
    const server = new Server({ 'grpc.max_concurrent_streams': 64 });
    server.addService(DevicePluginService, service.handlers);
    await bind(server, path);
    const identity = await fileIdentity(path);
    if (identity !== undefined) return new PluginListener({ identity, server, service, clock });
    server.forceShutdown();
    throw new ForwarderError('unavailable', `${path} was removed as soon as it was made`);
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#service[Symbol.dispose]();
    const closed = new AbortController();
    const hungUp = new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()));
    void hungUp.then(() => closed.abort());
    await this.#clock.sleep(HANG_UP_MS, closed.signal).catch(() => undefined);
    this.#server.forceShutdown();
    await hungUp;
  }
}

function bind(server: Server, path: string): Promise<void> {
  return new Promise((resolve, reject) => {
    server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (error) => {
      if (error === null) resolve();
      else reject(new ForwarderError('unavailable', `cannot serve on ${path}: ${error.message}`, { cause: error }));
    });
  });
}
