import { type LogLevel, logLevels } from '../../ports/log.js';
import { broken, type Parsed, valid } from '../parsed.js';

/** Reads a log level in any letter case; `warning` is another word for `warn`. */
export function parseLogLevel(text: string): Parsed<LogLevel> {
  const lower = text.toLowerCase();
  const level = logLevels.find((known) => known === (lower === 'warning' ? 'warn' : lower));
  return level === undefined ? broken(`must be one of ${logLevels.join(', ')}, in any letter case`) : valid(level);
}
