/**
 * Skips the running test, or every test of the suite when called in one of its `before` hooks. The reason is printed
 * with the totals; a skip without one counts as a failure.
 */
export function skipBecause(context: Mocha.Context, reason: string): never {
  const runnable = context.runnable() as Mocha.Hook | Mocha.Test;
  const skipped = runnable.type === 'hook' ? runnable.parent : runnable;
  Object.assign(skipped ?? runnable, { skipReason: reason });
  return context.skip();
}
