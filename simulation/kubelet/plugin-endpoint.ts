import { Client, type ClientReadableStream, credentials, type MethodDefinition } from '@grpc/grpc-js';
import {
  type AllocateResponse,
  type Device,
  DevicePluginService,
  type ListAndWatchResponse,
  type PreferredAllocationRequest,
} from '../../apis/generated/deviceplugin-v1beta1.js';

/** Kubelet's end of one registered plugin: one connection to its socket. */
export class PluginEndpoint {
  readonly #client: Client;
  #stream: ClientReadableStream<ListAndWatchResponse> | undefined;

  constructor(socket: string) {
    this.#client = new Client(`unix:${socket}`, credentials.createInsecure(), { 'grpc.use_local_subchannel_pool': 1 });
  }

  /** Waits for the connection, as kubelet does before it answers Register. Rejects after `timeout` milliseconds. */
  connect(timeout: number): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#client.waitForReady(Date.now() + timeout, (error?: Error) => {
        if (error === undefined) resolve();
        else reject(new Error('failed to dial device plugin: context deadline exceeded'));
      });
    });
  }

  options() {
    return this.#unary(DevicePluginService.getDevicePluginOptions, {});
  }

  allocate(devicesIds: string[]): Promise<AllocateResponse> {
    return this.#unary(DevicePluginService.allocate, { containerRequests: [{ devicesIds }] });
  }

  preferred(request: PreferredAllocationRequest) {
    return this.#unary(DevicePluginService.getPreferredAllocation, request);
  }

  preStart(devicesIds: string[]) {
    return this.#unary(DevicePluginService.preStartContainer, { devicesIds });
  }

  /** Follows the device list until the stream ends, for whatever reason; then calls `onEnd` once. */
  follow(onDevices: (devices: readonly Device[]) => void, onEnd: () => void): void {
    const { path, requestSerialize, responseDeserialize } = DevicePluginService.listAndWatch;
    const stream = this.#client.makeServerStreamRequest(path, requestSerialize, responseDeserialize, {});
    this.#stream = stream;
    stream.on('data', ({ devices }: ListAndWatchResponse) => onDevices(devices));
    // The status event always follows; without this listener an error would be thrown.
    stream.on('error', () => undefined);
    stream.once('status', onEnd);
  }

  close(): void {
    this.#stream?.cancel();
    this.#client.close();
  }

  #unary<Request, Answer>(method: MethodDefinition<Request, Answer>, request: Request): Promise<Answer> {
    return new Promise((resolve, reject) => {
      const { path, requestSerialize, responseDeserialize } = method;
      this.#client.makeUnaryRequest(path, requestSerialize, responseDeserialize, request, (error, answer) => {
        if (error !== null || answer === undefined) reject(error ?? new Error(`${path}: no answer`));
        else resolve(answer);
      });
    });
  }
}
