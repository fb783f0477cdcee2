import type { ServerWritableStream } from '@grpc/grpc-js';
import type { Device, Empty, ListAndWatchResponse } from '../../apis/generated/deviceplugin-v1beta1.js';

/**
 * One ListAndWatch stream: the whole list at once, then again after changes. Changes of one turn of the event loop, and
 * all that happen while kubelet does not read, become one message; a list that says nothing new is not sent.
 */
export class DeviceStream {
  readonly #call: ServerWritableStream<Empty, ListAndWatchResponse>;
  readonly #devices: () => Device[];
  #sent: string | undefined;
  #scheduled: NodeJS.Immediate | undefined;
  #full = false;
  #ended = false;

  constructor(call: ServerWritableStream<Empty, ListAndWatchResponse>, devices: () => Device[]) {
    this.#call = call;
    this.#devices = devices;
    call.on('drain', () => {
      this.#full = false;
      this.#send();
    });
    this.#send();
  }

  /** The list may have changed. */
  changed(): void {
    this.#scheduled ??= setImmediate(() => {
      this.#scheduled = undefined;
      this.#send();
    });
  }

  /** Ends the stream in order; kubelet sees EOF. Nothing is sent afterwards. */
  end(): void {
    if (this.#ended) return;
    this.#ended = true;
    clearImmediate(this.#scheduled);
    this.#call.end();
  }

  #send(): void {
    if (this.#ended || this.#full) return;
    const devices = this.#devices();
    const text = JSON.stringify(devices);
    if (text === this.#sent) return;
    this.#sent = text;
    this.#full = !this.#call.write({ devices });
  }
}
