import type { Clock } from '../ports/clock.js';
import type { Log } from '../ports/log.js';

/** So many refusals are shown within this time; the others only to those who look closer. */
const most = { shown: 20, withinMs: 10_000 } as const;

/** Says which connections were refused. Whoever knocks a thousand times fills no log: most of it goes to DEBUG. */
export function refusalLog(log: Log, clock: Pick<Clock, 'now'>): (reason: string) => void {
  let [since, shown, hidden] = [Number.NEGATIVE_INFINITY, 0, 0];
  return (reason) => {
    if (clock.now() - since > most.withinMs) {
      if (hidden > 0) log.warn(`${hidden} more connections were refused`);
      [since, shown, hidden] = [clock.now(), 0, 0];
    }
    const isShown = shown < most.shown;
    if (isShown) shown += 1;
    else hidden += 1;
    log[isShown ? 'warn' : 'debug'](`connection refused: ${reason}`);
  };
}
