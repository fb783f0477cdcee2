/** A refused write, as a system call would refuse it: `code` is the errno's name. */
export class KernelRefusal extends Error {
  override readonly name = 'KernelRefusal';
  readonly code: string;

  constructor(code: string, why: string) {
    super(`${code}: ${why}`);
    this.code = code;
  }
}
