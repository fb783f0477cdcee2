import { ForwarderError } from '../ports/error.js';
import { errnoOf } from './errno.js';

const remedies: Readonly<Record<string, string>> = {
  ENOSPC: 'its disk is full: free space, or inodes',
  EDQUOT: 'the quota of its disk is used up: free space, or raise it',
  EROFS: 'its file system is read-only: mount it writable',
  EIO: "its disk fails: look at the kernel's log",
  EACCES: 'this process may not write there: it needs root, and a folder that is its own',
  EPERM: 'this process may not write there: it needs root, and a folder that is its own',
  ENOTDIR: 'a part of its path is a file: remove that, or choose another folder',
  EEXIST: 'a part of its path is a file: remove that, or choose another folder',
};

/** Why nothing can be written: `exhausted`, with the file, the errno and what a person can do. */
export function writeRefusal(file: string, thrown: unknown): ForwarderError {
  const errno = errnoOf(thrown);
  const remedy = errno === undefined ? undefined : remedies[errno];
  const reason = remedy === undefined ? String((thrown as Error).message) : `${remedy} (${errno})`;
  return new ForwarderError('exhausted', `the journal ${file} cannot be written: ${reason}`, {
    cause: thrown,
    details: { file, errno },
  });
}
