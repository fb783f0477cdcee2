import { type ClientHttp2Session, type ClientHttp2Stream, connect, constants } from 'node:http2';
import { connect as connectSocket } from 'node:net';
import { type Device, DevicePluginService, Empty } from '../../apis/generated/deviceplugin-v1beta1.js';

/** Bytes before each message: a flag, and the length. */
const prefixBytes = 5;

/** Opens a device stream and reads nothing of it, so that its window stays shut, until it is told to. */
export class SlowReader {
  /** Lists that have been read. */
  lists = 0;
  last: readonly Device[] = [];
  readonly #session: ClientHttp2Session;
  readonly #stream: ClientHttp2Stream;
  #rest: Buffer = Buffer.alloc(0);

  constructor(socket: string) {
    this.#session = connect('http://localhost', { createConnection: () => connectSocket(socket) });
    this.#session.on('error', () => undefined);
    this.#stream = this.#session.request({
      [constants.HTTP2_HEADER_METHOD]: 'POST',
      [constants.HTTP2_HEADER_PATH]: DevicePluginService.listAndWatch.path,
      [constants.HTTP2_HEADER_CONTENT_TYPE]: 'application/grpc',
      [constants.HTTP2_HEADER_TE]: 'trailers',
    });
    this.#stream.on('error', () => undefined);
    this.#stream.end(Buffer.concat([Buffer.alloc(prefixBytes), Empty.encode({}).finish()]));
  }

  resume(): void {
    this.#stream.on('data', (chunk: Buffer) => this.#read(chunk));
  }

  close(): void {
    this.#session.destroy();
  }

  #read(chunk: Buffer): void {
    this.#rest = Buffer.concat([this.#rest, chunk]);
    for (;;) {
      const length = this.#rest.length < prefixBytes ? Number.NaN : this.#rest.readUInt32BE(1);
      if (!(this.#rest.length >= prefixBytes + length)) return;
      const message = this.#rest.subarray(prefixBytes, prefixBytes + length);
      this.#rest = this.#rest.subarray(prefixBytes + length);
      this.lists += 1;
      this.last = DevicePluginService.listAndWatch.responseDeserialize(message).devices;
    }
  }
}
