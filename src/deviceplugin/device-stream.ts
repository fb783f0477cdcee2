import { setImmediate } from 'node:timers/promises';
import type { ServerWritableStream } from '@grpc/grpc-js';
import type { Device, Empty, ListAndWatchResponse } from '../../apis/generated/deviceplugin-v1beta1.js';
import type { Clock } from '../ports/clock.js';

/** The least time between two lists: on a node with thousands of tokens making one costs some milliseconds. */
const REST_MS = 50;

/** What a stream works with. */
export interface DeviceStreamParts {
  readonly call: ServerWritableStream<Empty, ListAndWatchResponse>;
  /** The list of this moment; undefined while nothing may be said. */
  readonly devices: () => Device[] | undefined;
  readonly clock: Clock;
}

/**
 * One ListAndWatch stream: the whole list at once, then again after changes. The first change after a rest is told at
 * once; those that come within the next 50 ms, or while kubelet does not read, become one message. A list that says
 * nothing new is not sent.
 */
export class DeviceStream {
  readonly #parts: DeviceStreamParts;
  readonly #ending = new AbortController();
  #sent: string | undefined;
  #changed = false;
  #telling = false;
  #full = false;

  constructor(parts: DeviceStreamParts) {
    this.#parts = parts;
    parts.call.on('drain', () => {
      this.#full = false;
      this.#send();
    });
    this.#send();
  }

  /** The list may have changed. */
  changed(): void {
    this.#changed = true;
    if (!this.#telling) void this.#tell();
  }

  /** Ends the stream in order; kubelet sees EOF. Nothing is sent afterwards. */
  end(): void {
    if (this.#ending.signal.aborted) return;
    this.#ending.abort();
    this.#parts.call.end();
  }

  async #tell(): Promise<void> {
    const { signal } = this.#ending;
    this.#telling = true;
    while (this.#changed && !signal.aborted) {
      await setImmediate();
      this.#changed = false;
      this.#send();
      await this.#parts.clock.sleep(REST_MS, signal).catch(() => undefined);
    }
    this.#telling = false;
  }

  /** Says the list once more, although it says nothing new: kubelet may go by another one. */
  repeat(): void {
    this.#sent = undefined;
    this.changed();
  }

  #send(): void {
    if (this.#ending.signal.aborted || this.#full) return;
    const devices = this.#parts.devices();
    if (devices === undefined) return;
    const text = JSON.stringify(devices);
    if (text === this.#sent) return;
    this.#sent = text;
    this.#full = !this.#parts.call.write({ devices });
  }
}
