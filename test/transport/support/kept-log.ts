import type { Log } from '../../../src/ports/log.js';

/** A log that keeps its lines for the test to look at. */
export interface KeptLog extends Log {
  readonly lines: string[];
}

export function keptLog(): KeptLog {
  const lines: string[] = [];
  const line = (message: string) => void lines.push(message);
  const log: KeptLog = { lines, debug: line, info: line, warn: line, error: line, with: () => log };
  return log;
}
