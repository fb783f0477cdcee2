/** From the quietest to the loudest; `panic` and `fatal` keep every line quiet, `trace` shows no more than `debug`. */
export const logLevels = ['panic', 'fatal', 'error', 'warn', 'info', 'debug', 'trace'] as const;

export type LogLevel = (typeof logLevels)[number];

/** Facts beside a log line; never tokens, keys or descriptors' contents. */
export type LogFields = Readonly<Record<string, unknown>>;

/** Where log lines go; the core knows no logging library. */
export interface Log {
  debug(message: string, fields?: LogFields): void;
  info(message: string, fields?: LogFields): void;
  warn(message: string, fields?: LogFields): void;
  error(message: string, fields?: LogFields): void;
  /** A log that adds these fields to every line. */
  with(fields: LogFields): Log;
}
