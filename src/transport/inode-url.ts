import { type BigIntStats, fstatSync } from 'node:fs';
import { ForwarderError } from '../ports/error.js';

/**
 * A file's name between processes: `inode://<st_dev>/<st_ino>`, decimal, 64 bit. The file itself travels as a descriptor
 * beside it (grpcfd; nsm-wire 6.1).
 */
export type InodeUrl = string & { readonly __inodeUrl: never };

const pattern = /^inode:\/\/(0|[1-9][0-9]{0,19})\/(0|[1-9][0-9]{0,19})$/;

/** True for text that looks like an inode URL at all: other URLs name their file themselves. */
export function isInodeUrl(text: string): boolean {
  return text.startsWith('inode:');
}

/** @throws ForwarderError `invalid`, naming the value and the form */
export function parseInodeUrl(text: string): InodeUrl {
  if (pattern.test(text)) return text as InodeUrl;
  throw new ForwarderError(
    'invalid',
    `${JSON.stringify(text)} is not an inode URL: expected inode://<st_dev>/<st_ino>, decimal`,
  );
}

/** The name of an open file. */
export function inodeUrlOfDescriptor(fd: number): InodeUrl {
  return inodeUrlOfStat(fstatSync(fd, { bigint: true }));
}

export function inodeUrlOfStat(stat: Pick<BigIntStats, 'dev' | 'ino'>): InodeUrl {
  return `inode://${stat.dev}/${stat.ino}` as InodeUrl;
}
