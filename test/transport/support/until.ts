/** Waits for a condition, turn by turn of the event loop; fails with a description after fifty seconds. */
export async function until(condition: () => boolean, describe: () => string = () => 'condition'): Promise<void> {
  const end = performance.now() + 50_000;
  while (!condition()) {
    if (performance.now() > end) throw new Error(`still not so after 50 s: ${describe()}`);
    await new Promise((resolve) => setTimeout(resolve, 2));
  }
}
