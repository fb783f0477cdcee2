import { quoted } from '../quoted.js';
import type { Setting } from './setting.js';

/** Environment variables as `process.env` gives them. */
export type Environment = Readonly<Record<string, string | undefined>>;

/** A variable that is set, under the name that counts. */
export interface SpelledVariable {
  readonly variable: string;
  readonly text: string;
}

/** Finds the spelling of a setting that counts: the newest that is set; `warn` hears of each older one that is set. */
export function findSpelling(
  setting: Setting<unknown>,
  env: Environment,
  warn: (warning: string) => void,
): SpelledVariable | undefined {
  const spellings = [setting.variable, ...(setting.older ?? [])].flatMap((variable) => {
    const text = env[variable];
    return text === undefined ? [] : [{ variable, text }];
  });
  const [winner, ...ignored] = spellings;
  if (winner !== undefined && winner.variable !== setting.variable) {
    warn(`${winner.variable} is the older name of ${setting.variable}: rename it`);
  }
  for (const { variable, text } of ignored) {
    warn(`${variable}=${quoted(text)} is ignored: ${winner?.variable}, its newer name, is set as well`);
  }
  return winner;
}
