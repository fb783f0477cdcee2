/** Waits for a condition, turn by turn of the event loop; fails with a description after five seconds. */
export async function until(condition: () => boolean, describe: () => string = () => 'condition'): Promise<void> {
  const end = performance.now() + 5000;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`still not so after 5 s: ${describe()}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
