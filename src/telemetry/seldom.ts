/** Passes a text on unless it passed one a short while ago. */
export function seldom(say: (text: string) => void, pauseMs: number, now: () => number): (text: string) => void {
  let last = Number.NEGATIVE_INFINITY;
  return (text) => {
    if (now() - last < pauseMs) return;
    last = now();
    say(text);
  };
}
