import type { LogFields } from '../ports/log.js';
import type { Line } from './open-log.js';

const shown = { debug: 'DEBU', info: 'INFO', warn: 'WARN', error: 'ERRO' } as const;
const months = ['Jan', 'Feb', 'Mar', 'Apr', 'May', 'Jun', 'Jul', 'Aug', 'Sep', 'Oct', 'Nov', 'Dec'] as const;

/** A line as NSM components write them (nsm-wire 7.3): time, level, fields in brackets, `id` and `name` first, message. */
export function textLine({ level, message, fields }: Line, time: Date): string {
  const { connection, name, ...others } = fields;
  const ordered = [['id', connection] as const, ['name', name] as const, ...Object.entries(others)];
  const brackets = ordered.map(([key, value]) => (value === undefined ? '' : `[${key}:${textOf(value)}] `));
  return `${stamp(time)} [${shown[level]}] ${brackets.join('')}${oneLine(message)}\n`;
}

/** `Jan  2 15:04:05.000`, in the zone of the machine. */
function stamp(time: Date): string {
  const two = (value: number) => String(value).padStart(2, '0');
  const day = String(time.getDate()).padStart(2, ' ');
  const clock = [time.getHours(), time.getMinutes(), time.getSeconds()].map(two).join(':');
  return `${months[time.getMonth()]} ${day} ${clock}.${String(time.getMilliseconds()).padStart(3, '0')}`;
}

/** Whatever the value is: a line that cannot be written would be worse than a strange one. */
function textOf(value: LogFields[string]): string {
  if (typeof value === 'string') return oneLine(value);
  try {
    const text = JSON.stringify(value) as string | undefined; // a function has none
    return text ?? String(value);
  } catch {
    return String(value);
  }
}

function oneLine(text: string): string {
  return text.trim().replace(/\s*\n\s*/g, ' ');
}
