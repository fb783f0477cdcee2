/** What a measured operation costs, in nanoseconds. */
export interface Cost {
  readonly median: number;
  /** One in a hundred rounds is slower. */
  readonly worst: number;
}

/** One thing to measure: does its operations of each kind, and has each kind timed. */
export type Round<K extends string> = (time: (kind: K, work: () => void) => void) => void;

/**
 * Measures several subjects side by side, a round of each in turn, so that compilation and whatever else the machine
 * does weigh on all of them alike and their ratios mean something. A round does `operations` operations of each kind.
 */
export function measure<K extends string>(
  { kinds, rounds, operations }: { kinds: readonly K[]; rounds: number; operations: number },
  subjects: readonly Round<K>[],
): Record<K, Cost>[] {
  const samples = subjects.map(
    () => Object.fromEntries(kinds.map((kind) => [kind, []])) as unknown as Record<K, number[]>,
  );
  for (let round = -rounds / 4; round < rounds; round++) {
    for (const [index, subject] of subjects.entries()) {
      subject((kind, work) => {
        const start = performance.now();
        work();
        const nanoseconds = ((performance.now() - start) * 1e6) / operations;
        if (round >= 0) samples[index]?.[kind].push(nanoseconds);
      });
    }
  }
  return samples.map(
    (each) => Object.fromEntries(kinds.map((kind) => [kind, summarise(each[kind])])) as Record<K, Cost>,
  );
}

/** Bytes of heap in use after a collection; needs `--expose-gc`. */
export function heapInUse(): number {
  if (globalThis.gc === undefined) throw new Error('run this with node --expose-gc');
  globalThis.gc();
  globalThis.gc();
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** Prints rows under their heads, numbers to the right. */
export function printTable(heads: readonly string[], rows: readonly (readonly string[])[]): void {
  const widths = heads.map((head, column) => Math.max(head.length, ...rows.map((row) => row[column]?.length ?? 0)));
  const line = (cells: readonly string[]) => cells.map((cell, column) => cell.padStart(widths[column] ?? 0)).join('  ');
  console.log(line(heads));
  console.log(widths.map((width) => '-'.repeat(width)).join('  '));
  for (const row of rows) console.log(line(row));
}

function summarise(samples: readonly number[]): Cost {
  const sorted = [...samples].sort((a, b) => a - b);
  const at = (share: number) => sorted[Math.floor(share * (sorted.length - 1))] ?? Number.NaN;
  return { median: at(0.5), worst: at(0.99) };
}
