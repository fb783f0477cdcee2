import pino from 'pino';
import type { Log, LogFields } from '../ports/log.js';

/** Levels as NSM components name them; `panic` has no counterpart and only keeps everything else quiet. */
const pinoLevel: Readonly<Record<string, string>> = { panic: 'silent' };

/** Lines of JSON on standard output, one each, written at once: a line that was logged is not lost by an abrupt end. */
export function pinoLog(level: string, name: string): Log {
  const options = { level: pinoLevel[level] ?? level, base: { name }, timestamp: pino.stdTimeFunctions.isoTime };
  return adapt(pino(options, pino.destination({ fd: 1, sync: true })));
}

function adapt(logger: pino.Logger): Log {
  return {
    debug: (message, fields) => logger.debug(fields ?? {}, message),
    info: (message, fields) => logger.info(fields ?? {}, message),
    warn: (message, fields) => logger.warn(fields ?? {}, message),
    error: (message, fields) => logger.error(fields ?? {}, message),
    with: (fields: LogFields) => adapt(logger.child(fields)),
  };
}
