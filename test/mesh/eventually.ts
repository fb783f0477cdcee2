import { setTimeout as pause } from 'node:timers/promises';

const pauseMs = 10;

/** Resolves when the condition holds, for what tells nobody of its changes. Rejects with the signal's reason. */
export async function eventually(condition: () => Promise<boolean>, signal: AbortSignal): Promise<void> {
  while (!(await condition())) await pause(pauseMs, undefined, { signal });
}
