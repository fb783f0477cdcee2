import { createServer, type Server, type Socket } from 'node:net';

/** A process that listens on a unix socket, accepts everything and never says a word. */
export class MuteSocket implements AsyncDisposable {
  readonly #server: Server;
  readonly #open = new Set<Socket>();

  private constructor() {
    this.#server = createServer((socket) => {
      this.#open.add(socket);
      socket.on('error', () => undefined);
      socket.on('close', () => this.#open.delete(socket));
    });
  }

  static async listen(path: string): Promise<MuteSocket> {
    const mute = new MuteSocket();
    await new Promise<void>((resolve) => mute.#server.listen(path, resolve));
    return mute;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    for (const socket of this.#open) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
