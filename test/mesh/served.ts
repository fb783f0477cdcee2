import type { PeerEvent } from './peer.js';

/** @throws Error with what each call was told that failed */
export function expectServed(calls: readonly PeerEvent[]): void {
  const failed = calls.filter(({ error }) => error !== undefined);
  if (failed.length === 0) return;
  const told = failed.map(({ event, milliseconds, error }) => `${event} (${milliseconds} ms): ${error}`);
  throw new Error(`${failed.length} of ${calls.length} calls failed: ${told.join('; ')}`);
}
