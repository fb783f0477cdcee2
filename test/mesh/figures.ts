import type { PeerEvent } from './peer.js';

/** Prints a figure beside that of the Go forwarder in the same place (one machine, SPIRE 1.13). */
export function figure(what: string, ours: string, goForwarder: string): void {
  console.log(`      ${what}: ${ours} (the Go forwarder: ${goForwarder})`);
}

/** Milliseconds from a moment to an event, both since the epoch. */
export function since(moment: number, { at }: Pick<PeerEvent, 'at'>): string {
  return `${Math.round(at - moment)} ms`;
}

/** A length of time for people. */
export function inSeconds(milliseconds: number): string {
  return `${(milliseconds / 1000).toFixed(1)} s`;
}
