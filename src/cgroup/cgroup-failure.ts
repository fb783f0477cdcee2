import type { Cgroup } from '../ports/device-access.js';
import { ForwarderError, toForwarderError } from '../ports/error.js';

/** The cgroup is not there any more, or another one has its path. */
export function cgroupGone({ path }: Cgroup, cause?: unknown): ForwarderError {
  return new ForwarderError('not-found', `cgroup ${path} is gone`, { cause, details: { cgroup: path } });
}

/** What a failed look at, or change of, a cgroup means. `EPERM` has its own meaning for each, so it is not here. */
export function cgroupFailure(attempt: string, cgroup: Cgroup, thrown: unknown): ForwarderError {
  const errno = errnoOf(thrown);
  if (errno === 'ENOENT' || errno === 'ENODEV' || errno === 'ENOTDIR') return cgroupGone(cgroup, thrown);
  const { kind, message } = toForwarderError(thrown);
  const because = errno === 'EROFS' ? 'denied' : errno === 'EACCES' ? 'denied' : kind;
  return new ForwarderError(because, `${attempt} of cgroup ${cgroup.path}: ${message}`, {
    cause: thrown,
    details: { cgroup: cgroup.path, errno },
  });
}

/** The errno's name behind a failed system call, of Node's or of `src/native`; undefined when none failed. */
export function errnoOf(thrown: unknown): string | undefined {
  if (thrown instanceof ForwarderError) return thrown.details['errno'] as string | undefined;
  if (!(thrown instanceof Error) || !('code' in thrown)) return undefined;
  return typeof thrown.code === 'string' && /^E[A-Z0-9]+$/.test(thrown.code) ? thrown.code : undefined;
}
