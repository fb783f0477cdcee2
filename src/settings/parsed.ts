/** What reading one text gives: the value, or the rule that the text breaks, worded to follow "`<text>`: ". */
export type Parsed<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly rule: string };

export function valid<T>(value: T): Parsed<T> {
  return { ok: true, value };
}

export function broken(rule: string): Parsed<never> {
  return { ok: false, rule };
}

/** The values of all, or every rule that one of them breaks in one sentence. */
export function allValid<T>(parsed: readonly Parsed<T>[]): Parsed<readonly T[]> {
  const values: T[] = [];
  const rules: string[] = [];
  for (const each of parsed) {
    if (each.ok) values.push(each.value);
    else rules.push(each.rule);
  }
  return rules.length === 0 ? valid(values) : broken(rules.join('; '));
}
