import type { Socket } from 'node:net';
import { CallCredentials, ChannelCredentials } from '@grpc/grpc-js';

type SecureConnector = ReturnType<ChannelCredentials['_createSecureConnector']>;

/**
 * Credentials that make a grpc-js channel use exactly one connection, secured by us: whose peer is known before the first call
 * and whose end is the channel's end. The underscore methods are how grpc-js's own credentials plug in; it has no public way.
 * A contract test guards them.
 */
export class SingleConnectionCredentials extends ChannelCredentials {
  readonly #secure: (socket: Socket) => Promise<Socket>;
  #used = false;

  /** @param secure does the handshake on a connected socket and returns the secured one */
  constructor(secure: (socket: Socket) => Promise<Socket>) {
    super();
    this.#secure = secure;
  }

  override _isSecure(): boolean {
    return true;
  }

  override _equals(other: ChannelCredentials): boolean {
    return this === other;
  }

  override _createSecureConnector(): SecureConnector {
    return {
      connect: (socket) => this.#connect(socket),
      waitForReady: () => Promise.resolve(),
      getCallCredentials: () => CallCredentials.createEmpty(),
      destroy: () => {},
    };
  }

  async #connect(socket: Socket): ReturnType<SecureConnector['connect']> {
    if (this.#used) {
      socket.destroy();
      throw new Error('this channel has had its connection');
    }
    this.#used = true;
    return { socket: await this.#secure(socket), secure: true };
  }
}
