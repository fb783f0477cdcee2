import type { TakeOverReport } from '../../src/forwarder/forwarder.js';
import { type Aftermath, settle } from './aftermaths.js';
import type { Scenario } from './scenarios.js';
import type { Setting } from './settings.js';
import { Subject, wasCut } from './subject.js';

/** Right before the n-th call, counted from 1, or right after it. */
export interface Cut {
  readonly n: number;
  readonly fault: 'crash' | 'crash-after';
}

export interface Plan {
  readonly setting: Setting;
  readonly scenario: Scenario;
  /** The first one cuts the scenario, each other one the start of a successor. */
  readonly cuts: readonly Cut[];
  readonly aftermath: Aftermath;
}

export interface Outcome {
  /** Calls at which a process ended, with when. */
  readonly cutAt: readonly string[];
  /** VFs that were kept back for want of a way home until the client's namespace ended, and why. */
  readonly quarantined: readonly string[];
  /** What must not be; empty when all is well. */
  readonly wrong: readonly string[];
  /** How many calls the start of the successor that served made. */
  readonly startCalls: number;
}

/** How many calls the work of a scenario makes. */
export async function countCalls(setting: Setting, scenario: Scenario): Promise<number> {
  const subject = await Subject.create(setting, scenario.forgets);
  await scenario.prepare(subject);
  const { faults } = subject.world.node;
  faults.restart();
  await scenario.act(subject);
  return faults.calls.length;
}

/** One life: the scenario is cut, perhaps its successors as well, and then the client does what it does. */
export async function runPlan(plan: Plan): Promise<Outcome> {
  const subject = await Subject.create(plan.setting, plan.scenario.forgets);
  const run = new Run(subject, plan);
  try {
    await run.live();
  } catch (error) {
    run.wrong.push(error instanceof Error ? (error.stack ?? error.message) : String(error));
  }
  return run;
}

class Run implements Outcome {
  readonly cutAt: string[] = [];
  readonly quarantined: string[] = [];
  readonly wrong: string[] = [];
  startCalls = 0;
  readonly #subject: Subject;
  readonly #plan: Plan;

  constructor(subject: Subject, plan: Plan) {
    this.#subject = subject;
    this.#plan = plan;
  }

  async live(): Promise<void> {
    const { scenario, aftermath, cuts } = this.#plan;
    const [first, ...more] = cuts;
    await scenario.prepare(this.#subject);
    await this.#cut(first, () => scenario.act(this.#subject));
    const intact = this.#subject.isIntact();
    await aftermath.meanwhile?.(this.#subject);
    for (const cut of more) await this.#cut(cut, () => this.#subject.restart());
    const report = await this.#start();
    if (intact && aftermath.meanwhile === undefined) await this.#expectKept(report);
    await aftermath.after(this.#subject);
    await this.#end();
  }

  async #cut(cut: Cut | undefined, work: () => Promise<unknown>): Promise<void> {
    if (cut === undefined) return;
    const { faults } = this.#subject.world.node;
    faults.restart();
    faults.failAt(cut.n, cut.fault);
    const happened = await wasCut(work());
    const call = faults.calls[cut.n - 1];
    if (happened && call !== undefined) this.cutAt.push(`${cut.fault} at ${cut.n}: ${call}`);
    faults.restart();
  }

  async #start(): Promise<TakeOverReport> {
    const { faults } = this.#subject.world.node;
    faults.restart();
    const report = await this.#subject.restart();
    this.startCalls = faults.calls.length;
    return report;
  }

  /** Neither the start nor a client that asks for what it has may touch a VF that is where it should be. */
  async #expectKept(report: TakeOverReport): Promise<void> {
    const ended = report.connections.filter(({ verdict }) => verdict === 'ended');
    this.#note('the start touched what was in place', this.#subject.effects());
    this.#note(
      'a connection was ended whose VF was in place',
      ended.map(({ reason }) => reason),
    );
    if (!this.#plan.scenario.keepsPlan || this.#plan.aftermath.title.startsWith('closes')) return;
    const { faults } = this.#subject.world.node;
    faults.restart();
    const before = this.#subject.world.node.snapshot();
    await this.#subject.heal();
    this.#note('a heal did more than ask onward', this.#subject.effects().slice(1));
    if (this.#subject.world.node.snapshot() !== before) this.wrong.push('a heal without a new wish changed the node');
  }

  async #end(): Promise<void> {
    const { world, soundness } = this.#subject;
    await settle(this.#subject);
    soundness.lookAtRest('at the end');
    for (const it of world.forwarder.quarantined()) this.quarantined.push(it.reason);
    for (const it of world.forwarder.strays()) this.quarantined.push(it.reason);
    if (this.quarantined.length > 0) {
      this.#subject.endClient();
      await world.node.settled();
      await settle(this.#subject);
    }
    await this.#subject.refreshBystander();
    const remains = this.#subject.remains();
    if (remains !== undefined) this.wrong.push(`something is left:\n${remains}`);
    this.wrong.push(...soundness.broken);
  }

  #note(what: string, cases: readonly string[]): void {
    if (cases.length > 0) this.wrong.push(`${what}: ${cases.join('; ')}`);
  }
}
