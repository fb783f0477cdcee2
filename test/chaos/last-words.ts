const lines: string[] = [];

/** Prints a line at the end of the process, below the list of tests: what a run came to. */
export function atTheEnd(line: string): void {
  if (lines.length === 0) process.once('exit', () => console.log(`\n${lines.join('\n')}`));
  lines.push(line);
}
