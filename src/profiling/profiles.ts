import { Session } from 'node:inspector/promises';
import type { Readable } from 'node:stream';
import { getHeapSnapshot } from 'node:v8';

/** Where the processor's time goes while the wait lasts, as `.cpuprofile` (V8's inspector protocol, domain Profiler). */
export async function cpuProfile(wait: () => Promise<void>): Promise<string> {
  using session = connected();
  await session.post('Profiler.enable');
  await session.post('Profiler.start');
  await wait();
  const { profile } = await session.post('Profiler.stop');
  return JSON.stringify(profile);
}

/** What is allocated while the wait lasts and still lives then, by samples, as `.heapprofile` (domain HeapProfiler). */
export async function allocationProfile(wait: () => Promise<void>): Promise<string> {
  using session = connected();
  await session.post('HeapProfiler.enable');
  await session.post('HeapProfiler.startSampling');
  await wait();
  const { profile } = await session.post('HeapProfiler.stopSampling');
  return JSON.stringify(profile);
}

/** Every object there is, as `.heapsnapshot`. The process stands still while it is taken. */
export function heapSnapshot(): Readable {
  return getHeapSnapshot();
}

/** Ends what it has started when it is left early. */
function connected(): Session & Disposable {
  const session = new Session();
  session.connect();
  return Object.assign(session, { [Symbol.dispose]: () => session.disconnect() });
}
