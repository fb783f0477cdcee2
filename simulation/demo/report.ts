import { toForwarderError } from '../../src/ports/error.js';

/** Thrown by a step that cannot be shown here; the message says why. */
export class Skipped extends Error {}

/** Rows of a table; columns are aligned. */
export type Rows = readonly (readonly string[])[];

/** Prints lines that belong to a step. */
export type Say = (rows: Rows) => void;

const colours = { bold: '1', dim: '2', red: '31', green: '32', yellow: '33' } as const;
const indent = '      ';

/** Tells a story in numbered steps to a reader in a terminal, and counts how they went. */
export class Report {
  readonly #coloured: boolean;
  #number = 0;
  #passed = 0;
  #failed = 0;
  #skipped = 0;

  /** @param coloured - only where somebody reads, not in a file */
  constructor(coloured: boolean) {
    this.#coloured = coloured;
  }

  /** One step: its title, what it says, how it went. A failure is told, counted and thrown on. */
  async step(title: string, work: (say: Say) => Promise<void>): Promise<void> {
    this.#number += 1;
    print(`\n${String(this.#number).padStart(3)}  ${this.#paint('bold', title)}`);
    const begun = performance.now();
    try {
      await work((rows) => print(aligned(rows)));
      this.#passed += 1;
      print(`${indent}${this.#paint('green', 'passed')} ${this.#paint('dim', `in ${since(begun)}`)}`);
    } catch (thrown) {
      if (!(thrown instanceof Skipped)) throw this.#fail(thrown);
      this.#skipped += 1;
      print(`${indent}${this.#paint('yellow', 'skipped')}: ${thrown.message}`);
    }
  }

  /** The last line: `N passed, N failed`, and the skipped ones if there are any. */
  totals(): void {
    const skipped = this.#skipped === 0 ? '' : `, ${this.#skipped} skipped`;
    print(`\n${this.#passed} passed, ${this.#failed} failed${skipped}`);
  }

  get failed(): boolean {
    return this.#failed > 0;
  }

  #fail(thrown: unknown): unknown {
    this.#failed += 1;
    print(`${indent}${this.#paint('red', 'failed')}: ${toForwarderError(thrown).message}`);
    return thrown;
  }

  #paint(colour: keyof typeof colours, text: string): string {
    return this.#coloured ? `\u001b[${colours[colour]}m${text}\u001b[0m` : text;
  }
}

function print(text: string): void {
  process.stdout.write(`${text}\n`);
}

function since(begun: number): string {
  return `${Math.round(performance.now() - begun)} ms`;
}

/** Columns side by side; the last one of a row may be as long as it likes. */
function aligned(rows: Rows): string {
  const widths: number[] = [];
  for (const row of rows) {
    for (const [column, cell] of row.slice(0, -1).entries()) {
      widths[column] = Math.max(widths[column] ?? 0, cell.length);
    }
  }
  const line = (row: readonly string[]) =>
    row.map((cell, column) => (column < row.length - 1 ? cell.padEnd(widths[column] ?? 0) : cell)).join('  ');
  return rows.map((row) => `${indent}${line(row)}`.trimEnd()).join('\n');
}
