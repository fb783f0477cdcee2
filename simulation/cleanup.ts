import { toForwarderError } from '../src/ports/error.js';

type End = () => void | Promise<void>;

/** Things that were begun, to be ended newest first. All of them are ended, whatever fails on the way. */
export class Cleanup implements AsyncDisposable {
  readonly #ends: End[] = [];

  add(end: End): void {
    this.#ends.push(end);
  }

  /** Takes over something disposable and returns it. */
  use<T extends Disposable | AsyncDisposable>(resource: T): T {
    if (Symbol.asyncDispose in resource) this.add(async () => resource[Symbol.asyncDispose]());
    else this.add(() => resource[Symbol.dispose]());
    return resource;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const failures: unknown[] = [];
    for (let end = this.#ends.pop(); end !== undefined; end = this.#ends.pop()) {
      try {
        await end();
      } catch (thrown) {
        failures.push(thrown);
      }
    }
    const texts = failures.map((failure) => toForwarderError(failure).message);
    if (failures.length > 0) throw new AggregateError(failures, `clean-up was not complete: ${texts.join('; ')}`);
  }
}
