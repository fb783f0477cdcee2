import { readFileSync } from 'node:fs';
import { ForwarderError } from '../ports/error.js';

/**
 * The kernel's random name for the time since the machine was started (random(4)); containers see that of their node.
 *
 * @throws ForwarderError `unsupported` when the file is missing or empty
 */
export function readBootId(path = '/proc/sys/kernel/random/boot_id'): string {
  let bootId: string;
  try {
    bootId = readFileSync(path, 'utf8').trim();
  } catch (cause) {
    throw new ForwarderError('unsupported', `cannot tell this boot from others: ${(cause as Error).message}`, {
      cause,
    });
  }
  if (bootId === '') throw new ForwarderError('unsupported', `cannot tell this boot from others: ${path} is empty`);
  return bootId;
}
