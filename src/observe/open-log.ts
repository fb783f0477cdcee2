import pino from 'pino';
import type { Log, LogFields } from '../ports/log.js';
import { shortText } from '../ports/short-text.js';
import { redact } from './redact.js';
import { textLine } from './text-line.js';
import type { Verbosity } from './verbosity.js';

/** One thing to be logged. */
export interface Line {
  readonly level: 'debug' | 'info' | 'warn' | 'error';
  readonly message: string;
  readonly fields: LogFields;
}

export interface LogOptions {
  readonly verbosity: Verbosity;
  readonly format: 'text' | 'json';
  /** A field of every line. */
  readonly name: string;
  /** Takes each line, with its end; standard output unless given. */
  readonly write?: (line: string) => void;
}

/** Characters: peers choose what some of it says. Messages of errors are shorter. */
const longest = { message: 20_000, field: 1000 } as const;

/** A log whose lines are written at once, so that none is lost by an abrupt end, and show no token. */
export function openLog({ verbosity, format, name, write = standardOutput() }: LogOptions): Log {
  const writeRedacted = (line: string) => write(redact(line));
  const log =
    format === 'text' ? (line: Line) => writeRedacted(textLine(line, new Date())) : jsonLines({ write: writeRedacted });
  const withFields = (base: LogFields): Log => {
    const at = (level: Line['level']) => (message: string, fields?: LogFields) => {
      if (verbosity.shows(level)) log(cut({ level, message, fields: { ...base, ...fields } }));
    };
    return {
      debug: at('debug'),
      info: at('info'),
      warn: at('warn'),
      error: at('error'),
      with: (fields) => withFields({ ...base, ...fields }),
    };
  };
  return withFields({ name });
}

/** Ids, names and URLs are as long as whoever sent them likes. */
function cut({ level, message, fields }: Line): Line {
  const shortened: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(fields)) {
    shortened[name] = typeof value === 'string' ? short(value, longest.field) : value;
  }
  return { level, message: short(message, longest.message), fields: shortened };
}

/** Half a token would not be known for one; a whole one is redacted with its line. */
function short(text: string, most: number): string {
  return text.length <= most ? text : shortText(redact(text), most);
}

/** Pino shall write everything: what is shown is decided before. */
function jsonLines(destination: pino.DestinationStream): (line: Line) => void {
  const options = { level: 'trace', base: null, timestamp: pino.stdTimeFunctions.isoTime };
  const logger = pino(options, destination);
  return ({ level, message, fields }) => logger[level](fields, message);
}

function standardOutput(): (line: string) => void {
  const destination = pino.destination({ fd: 1, sync: true });
  return (line) => void destination.write(line);
}
