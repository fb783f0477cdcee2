/** Whether the signal has fired by now. The compiler takes `signal.aborted` for settled once it was read; it is not. */
export function hasFired(signal: AbortSignal): boolean {
  return signal.aborted;
}
