import type { Parsed } from '../../src/settings/parsed.js';

/** A parsed value as tests compare it: the value itself, or the rule in a box. */
export function outcome<T>(parsed: Parsed<T>): T | { readonly rule: string } {
  return parsed.ok ? parsed.value : { rule: parsed.rule };
}

/** True when the text breaks a rule that contains `words`. */
export function breaks(parsed: Parsed<unknown>, words: string): boolean {
  return !parsed.ok && parsed.rule.includes(words);
}
