import type { handleUnaryCall, ServerWritableStream } from '@grpc/grpc-js';
import type {
  AllocateRequest,
  AllocateResponse,
  DevicePluginOptions,
  DevicePluginServer,
  Empty,
  ListAndWatchResponse,
} from '../../apis/generated/deviceplugin-v1beta1.js';
import type { Clock } from '../ports/clock.js';
import { toForwarderError } from '../ports/error.js';
import type { Log } from '../ports/log.js';
import { toServiceError } from '../transport/grpc-status.js';
import { allocateTokens } from './allocate.js';
import { deviceList } from './device-list.js';
import { DeviceStream } from './device-stream.js';
import type { Giving } from './giving.js';
import { type AllocationPolicy, preferredAllocation } from './preferred-allocation.js';
import type { TokenOffer } from './token-offer.js';

/** What kubelet has to know of a plugin before it calls it. */
export interface PluginTraits {
  readonly policy: AllocationPolicy;
  /** Tokens are worth VFs at once; absent: each is worth a connection, and containers may start whenever they like. */
  readonly giving?: Pick<Giving, 'give' | 'check'>;
}

/**
 * A call before containers start only where they need something that may be gone by then: elsewhere it would change
 * nothing. Kubelet is told preferences only where there are any.
 */
export function pluginOptions({ policy, giving }: PluginTraits): DevicePluginOptions {
  return { preStartRequired: giving !== undefined, getPreferredAllocationAvailable: policy !== 'none' };
}

/** What one plugin server is made of. */
export interface PluginServiceParts extends PluginTraits {
  readonly resource: string;
  readonly offer: TokenOffer;
  readonly clock: Clock;
  readonly log: Log;
  /** Called with the number of open ListAndWatch streams whenever it changes. */
  readonly onStreams: (open: number) => void;
}

/** The DevicePlugin service of one resource (kubelet: device plugin API v1beta1). Disposing it ends its streams. */
export class PluginService implements Disposable {
  readonly handlers: DevicePluginServer;
  readonly #parts: PluginServiceParts;
  readonly #streams = new Set<DeviceStream>();
  readonly #changes: Disposable;
  #hushed = false;

  constructor(parts: PluginServiceParts) {
    this.#parts = parts;
    this.#changes = parts.offer.onChange(() => {
      for (const stream of this.#streams) stream.changed();
    });
    const { log, policy, giving, offer, resource } = parts;
    this.handlers = {
      getDevicePluginOptions: answering(log, () => pluginOptions(parts)),
      listAndWatch: (call) => this.#listAndWatch(call),
      allocate: answering(log, (request) => this.#allocate(request)),
      getPreferredAllocation: answering(log, (request) => preferredAllocation(policy, offer.tokens(resource), request)),
      preStartContainer: answering(log, async ({ devicesIds }) => {
        await giving?.check(devicesIds);
        return {};
      }),
    };
  }

  /**
   * Says nothing more about the tokens, or again everything: while kubelet sends pods to another plugin of the same name,
   * a list of ours would make it ask that one for our tokens.
   */
  hush(hushed: boolean): void {
    if (this.#hushed && !hushed) this.#speakAgain();
    this.#hushed = hushed;
  }

  /** Tells all once more, although nothing is new, unless nothing may be said. */
  repeat(): void {
    for (const stream of this.#streams) stream.repeat();
  }

  [Symbol.dispose](): void {
    this.#changes[Symbol.dispose]();
    for (const stream of this.#streams) stream.end();
  }

  async #allocate(request: AllocateRequest): Promise<AllocateResponse> {
    const { offer, resource, giving } = this.#parts;
    try {
      return await allocateTokens({ offer, resource, ...(giving && { give: (ids) => giving.give(ids) }) }, request);
    } catch (thrown) {
      // Kubelet asks us, so it is ours to tell what there is; that it asks for unknown ids shows whose list it has.
      if (toForwarderError(thrown).kind === 'not-found') this.#speakAgain();
      throw thrown;
    }
  }

  #speakAgain(): void {
    this.#hushed = false;
    this.repeat();
  }

  #listAndWatch(call: ServerWritableStream<Empty, ListAndWatchResponse>): void {
    const { offer, resource, clock, onStreams } = this.#parts;
    const devices = () => (this.#hushed ? undefined : deviceList(offer.tokens(resource)));
    const stream = new DeviceStream({ call, clock, devices });
    this.#streams.add(stream);
    onStreams(this.#streams.size);
    const gone = () => {
      stream.end();
      if (this.#streams.delete(stream)) onStreams(this.#streams.size);
    };
    call.on('cancelled', gone);
    call.on('close', gone);
    call.on('error', gone);
  }
}

/** A unary handler that answers as soon as it can, or with the status of what was thrown. */
function answering<Request, Answer>(
  log: Log,
  answer: (request: Request) => Answer | Promise<Answer>,
): handleUnaryCall<Request, Answer> {
  return (call, callback) => {
    const refuse = (thrown: unknown) => {
      const status = toServiceError(thrown);
      log.warn('refused a call of kubelet', { call: call.getPath(), reason: status.details });
      callback(status);
    };
    void (async () => answer(call.request))().then((value) => callback(null, value), refuse);
  };
}
