import type { Scheduler } from 'fast-check';

/**
 * Decides when the named thing may happen: it resolves at that moment. Every call and everything that the kernel does
 * by itself takes one turn, so that whoever deals out the turns deals out the interleaving.
 */
export type Turn = (name: string) => Promise<void>;

/** First come, first served, each a microtask later. */
export const inOrder: Turn = async () => undefined;

/** Turns in the order that a property test chooses. */
export function turnsOf(scheduler: Scheduler): Turn {
  return async (name) => {
    await scheduler.schedule(Promise.resolve(), name);
  };
}
