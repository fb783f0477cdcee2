import { link, rename } from 'node:fs/promises';
import { Server, ServerCredentials } from '@grpc/grpc-js';

/** A gRPC server on a unix socket. */
export class UnixServer {
  readonly #path: string;
  readonly #server: Server;

  private constructor(path: string, server: Server) {
    this.#path = path;
    this.#server = server;
  }

  static async listen(path: string, setUp: (server: Server) => void): Promise<UnixServer> {
    const server = new Server();
    setUp(server);
    await new Promise<void>((resolve, reject) => {
      server.bindAsync(`unix:${path}`, ServerCredentials.createInsecure(), (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
    return new UnixServer(path, server);
  }

  /** Cuts every connection. The socket file goes, or stays behind as after SIGKILL. */
  async close(leaveFile: boolean): Promise<void> {
    const kept = `${this.#path}.kept`;
    // Closing unlinks the path it was bound to; a second name keeps the very same file.
    if (leaveFile) await link(this.#path, kept).catch(() => undefined);
    const closed = new Promise<void>((resolve) => this.#server.tryShutdown(() => resolve()));
    this.#server.forceShutdown();
    await closed;
    if (leaveFile) await rename(kept, this.#path).catch(() => undefined);
  }
}
