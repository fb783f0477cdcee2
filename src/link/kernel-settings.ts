import { closeSync, constants, openSync, readFileSync, write, writeFileSync } from 'node:fs';
import { promisify } from 'node:util';
import type { ErrorKind } from '../ports/error.js';
import { ForwarderError } from '../ports/error.js';

/** Runs a synchronous action with this thread inside a network namespace. */
export type Inside = <T>(action: () => T) => T;

/**
 * `/proc/sys/net` of one namespace. The kernel looks at the namespace of who opens a file there, not of who reads it:
 * opening is all that happens inside.
 */
export class KernelSettings {
  readonly #inside: Inside;

  constructor(inside: Inside) {
    this.#inside = inside;
  }

  /** The value without its line end; undefined when there is no such setting. @throws ForwarderError `invalid`, `denied` */
  read(path: string): string | undefined {
    const fd = this.#open(path, constants.O_RDONLY);
    if (fd === undefined) return undefined;
    try {
      return readFileSync(fd, 'utf8').trimEnd();
    } finally {
      closeSync(fd);
    }
  }

  /** @throws ForwarderError `not-found` (no such setting), `invalid` (the path, or the value refused), `denied` */
  write(path: string, value: string): void {
    const fd = this.#openForWriting(path);
    try {
      writeFileSync(fd, value);
    } catch (cause) {
      throw refusedValue(path, value, cause);
    } finally {
      closeSync(fd);
    }
  }

  /**
   * Like {@link write}, but waits for the kernel on a thread of the pool: for settings that need the RTNL lock, such as
   * switching IPv6 on.
   */
  async writeInBackground(path: string, value: string): Promise<void> {
    const fd = this.#openForWriting(path);
    try {
      await promisify(write)(fd, value);
    } catch (cause) {
      throw refusedValue(path, value, cause);
    } finally {
      closeSync(fd);
    }
  }

  #openForWriting(path: string): number {
    const fd = this.#open(path, constants.O_WRONLY);
    if (fd === undefined) throw new ForwarderError('not-found', `this kernel has no setting /proc/sys/net/${path}`);
    return fd;
  }

  #open(path: string, flags: number): number | undefined {
    if (path.includes('\0') || path.split('/').some((part) => part === '' || part === '.' || part === '..')) {
      throw new ForwarderError('invalid', `${JSON.stringify(path)} is not a path below /proc/sys/net`);
    }
    try {
      return this.#inside(() => openSync(`/proc/sys/net/${path}`, flags));
    } catch (cause) {
      if ((cause as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
      throw settingError(`open /proc/sys/net/${path}`, cause);
    }
  }
}

const kinds: Readonly<Record<string, ErrorKind>> = {
  EINVAL: 'invalid',
  EACCES: 'denied',
  EPERM: 'denied',
  EROFS: 'denied',
};

function settingError(what: string, cause: unknown): ForwarderError {
  if (cause instanceof ForwarderError) return cause;
  const code = (cause as NodeJS.ErrnoException).code ?? '';
  return new ForwarderError(kinds[code] ?? 'unknown', `cannot ${what}: ${code}`, { cause });
}

function refusedValue(path: string, value: string, cause: unknown): ForwarderError {
  return settingError(`set /proc/sys/net/${path} to ${JSON.stringify(value)}`, cause);
}
