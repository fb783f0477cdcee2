import { join } from 'node:path';
import { Server, ServerCredentials, type ServerWritableStream, type sendUnaryData } from '@grpc/grpc-js';
import {
  type AllocateRequest,
  DevicePluginService,
  type ListAndWatchResponse,
  RegistrationService,
} from '../../apis/generated/deviceplugin-v1beta1.js';
import { callOnce } from '../../src/deviceplugin/unary-call.js';

/** Another program's plugin of the same resource: it registers once, says its list once, and knows its own ids only. */
export class RivalPlugin implements AsyncDisposable {
  /** Ids that kubelet asked for. */
  readonly allocated: string[] = [];
  readonly #folder: string;
  readonly #ids: readonly string[];
  readonly #server = new Server();
  #stream: ServerWritableStream<unknown, ListAndWatchResponse> | undefined;

  constructor(folder: string, ids: readonly string[]) {
    this.#folder = folder;
    this.#ids = ids;
  }

  async register(resource: string): Promise<void> {
    this.#server.addService(DevicePluginService, {
      getDevicePluginOptions: (_call: unknown, done: sendUnaryData<object>) => done(null, {}),
      listAndWatch: (call: ServerWritableStream<unknown, ListAndWatchResponse>) => {
        this.#stream = call;
        this.tell();
      },
      allocate: (call: { request: AllocateRequest }, done: sendUnaryData<object>) => {
        this.allocated.push(...call.request.containerRequests.flatMap(({ devicesIds }) => devicesIds));
        done(null, { containerResponses: [{ envs: {}, mounts: [], devices: [], annotations: {}, cdiDevices: [] }] });
      },
    });
    await new Promise<void>((resolve, reject) => {
      const credentials = ServerCredentials.createInsecure();
      this.#server.bindAsync(`unix:${join(this.#folder, 'rival.sock')}`, credentials, (error) => {
        if (error === null) resolve();
        else reject(error);
      });
    });
    await callOnce({
      socket: join(this.#folder, 'kubelet.sock'),
      method: RegistrationService.register,
      request: { version: 'v1beta1', endpoint: 'rival.sock', resourceName: resource, options: undefined },
      signal: AbortSignal.timeout(50_000),
    });
  }

  /** Says its list again. */
  tell(): void {
    this.#stream?.write({ devices: this.#ids.map((ID) => ({ ID, health: 'Healthy', topology: undefined })) });
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.#stream?.end();
    this.#server.forceShutdown();
  }
}
