const patience = 50_000;

/** Waits for a condition. Gives up before the test does, so that a failed wait does not keep the run from ending. */
export async function until(condition: () => boolean | Promise<boolean>): Promise<void> {
  const end = performance.now() + patience;
  while (!(await condition())) {
    if (performance.now() > end) throw new Error(`waited ${patience} ms in vain for ${condition}`);
    await new Promise((resolve) => setTimeout(resolve, 5));
  }
}
