import type { Outcome, Plan } from './crash-run.js';

/** Counts crash points and what became of them, for the last lines of a run. */
export class Tally {
  readonly #quarantined = new Map<string, number>();
  readonly #points = new Set<string>();
  readonly #pointsInQuarantine = new Set<string>();
  #runs = 0;
  #crashes = 0;

  /** @throws Error naming the plan when something was wrong */
  note(plan: Plan, { cutAt, quarantined, wrong }: Outcome): void {
    const { setting, scenario, aftermath, cuts } = plan;
    const cut = cuts.map(({ n, fault }) => `${fault} ${n}`).join(', ');
    const point = `${scenario.title}; ${setting.title}; ${cut}`;
    this.#runs += 1;
    this.#crashes += cutAt.length;
    this.#points.add(point);
    if (quarantined.length > 0) this.#pointsInQuarantine.add(point);
    for (const reason of quarantined) {
      const name = `${scenario.title}, ${lastCall(cutAt)}: ${firstPart(reason)}`;
      this.#quarantined.set(name, (this.#quarantined.get(name) ?? 0) + 1);
    }
    if (wrong.length === 0) return;
    const told = `${point}; ${aftermath.title}\n${cutAt.join('\n')}\n${wrong.join('\n')}`;
    throw new Error(`the node is not as it should be: ${told}`);
  }

  /** The summary: what ended in quarantine by name, then totals. */
  lines(seed: number): string[] {
    const named = [...this.#quarantined].map(([name, count]) => `  ${count} x ${name}`);
    return [
      ...(named.length === 0 ? [] : ['in quarantine until the client’s namespace ended:', ...named.sort()]),
      `${this.#points.size} crash points, ${this.#pointsInQuarantine.size} in quarantine (named above), ` +
        `${this.#runs} lives, ${this.#crashes} crashes, seed ${seed}`,
    ];
  }
}

/** The name of a call without what differs from run to run. */
function lastCall(cutAt: readonly string[]): string {
  return (cutAt.at(-1) ?? 'no cut').replace(/ at \d+:/, ' at').replace(/entry\/\d+/g, 'entry');
}

function firstPart(reason: string): string {
  return reason.split(': it was taken to')[0] ?? reason;
}
