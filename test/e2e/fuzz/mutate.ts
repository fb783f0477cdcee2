import type { Random } from '../../chaos/random.js';

/** Texts that some code somewhere gives a meaning. */
const texts = [
  '',
  ' ',
  '0',
  '-1',
  'true',
  '\0',
  'a\nb',
  'ä😀\u202e',
  '__proto__',
  'constructor',
  '../../../../etc/passwd',
  '*',
  'KERNEL',
  'VFIO',
  'NOOP',
  'MEMIF',
  'LOCAL',
  'REMOTE',
  'inode://0/0',
  'inode://4/1',
  'inode://99999999999999999999/-1',
  'file:///proc/1/ns/net',
  'unix:///nobody/listens.sock',
  'tcp://127.0.0.1:1',
  '0000:01:00.0',
  'sriov-00000000-0000-4000-8000-000000000000',
  'eyJhbGciOiJFUzI1NiJ9.eyJzdWIiOiJzcGlmZmU6Ly94L3kifQ.AAAA',
  '10.0.0.1/33',
  'fd00::/129',
  '{{ .nodeName }}',
] as const;

const numbers = [0, 1, -1, 0.5, 255, 65536, 2 ** 31 - 1, -(2 ** 31), 2 ** 32 - 1, 2 ** 53, Number.NaN] as const;

type Container = Record<string, unknown>;

/** A copy of a message with some of its fields changed to what nobody honest sends. What it is may no longer be encoded. */
export function mutate<T>(message: T, random: Random): T {
  const box = { message: structuredClone(message) };
  for (let changes = 1 + random.below(4); changes > 0; changes -= 1) {
    const places = placesIn(box as unknown as Container);
    const [container, key] = oneOf(places, random);
    if (container !== box) change(container, key, random);
  }
  return box.message;
}

/** Any of these. @throws Error when there is none */
export function oneOf<T>(all: readonly T[], random: Random): T {
  const one = all[random.below(all.length)];
  if (one === undefined) throw new Error('there is nothing to choose from');
  return one;
}

/** Every field of every message, map and list in it. */
function placesIn(container: Container): [Container, string][] {
  return Object.keys(container).flatMap((key): [Container, string][] => {
    const value = container[key];
    const inside = typeof value === 'object' && value !== null ? placesIn(value as Container) : [];
    return [[container, key], ...inside];
  });
}

function change(container: Container, key: string, random: Random): void {
  if (key === '_unknownFields') container[key] = { [(1000 << 3) | 2]: [Uint8Array.of(3, 1, 2, 3)] };
  else if (!Array.isArray(container) && random.chance(0.1)) container[key] = undefined;
  else container[key] = otherThan(container[key], random);
}

function otherThan(value: unknown, random: Random): unknown {
  if (typeof value === 'string') return text(value, random);
  if (typeof value === 'number') return oneOf(numbers, random);
  if (typeof value === 'boolean') return !value;
  if (Array.isArray(value)) return list(value, random);
  if (typeof value === 'object' && value !== null) return { ...value, [text('', random)]: text('', random) };
  return value;
}

function text(value: string, random: Random): string {
  if (random.chance(0.05)) return 'x'.repeat(random.below(300_000));
  return random.chance(0.2) ? value + oneOf(texts, random) : oneOf(texts, random);
}

function list(value: readonly unknown[], random: Random): unknown[] {
  if (value.length === 0) return [];
  const twice = [...value, ...structuredClone(value)];
  return oneOf([[], twice, [...value].reverse(), value.slice(1), Array.from({ length: 80 }, () => value[0])], random);
}

/** The bytes with some of them flipped, left out, put in, or cut off; or others altogether. */
export function garble(bytes: Uint8Array, random: Random): Uint8Array {
  const any = (length: number) => Uint8Array.from({ length }, () => random.below(256));
  if (random.chance(0.3)) return any(random.below(400));
  const at = random.below(bytes.length + 1);
  const [head, tail] = [bytes.subarray(0, at), bytes.subarray(at)];
  const parts = oneOf([[head], [head, tail.subarray(1)], [head, any(1 + random.below(8)), tail], [tail, head]], random);
  return Buffer.concat(parts);
}
