import type { Timestamp } from '../../../apis/generated/google/protobuf/timestamp.js';

/** Milliseconds since the epoch as protobuf has it. */
export function timestamp(ms: number): Timestamp {
  const seconds = Math.floor(ms / 1000);
  return { seconds, nanos: Math.round((ms - seconds * 1000) * 1e6) };
}

/** A protobuf timestamp in milliseconds since the epoch. */
export function milliseconds(time: Timestamp): number {
  return Number(time.seconds) * 1000 + time.nanos / 1e6;
}
