import type { Connection } from '../../apis/generated/connection.js';
import type { TakeOverReport } from '../../src/forwarder/forwarder.js';
import { changedWish, effects, inNamespace } from '../forwarder/one-client.js';
import { cgroupDir, podUid } from '../forwarder/one-pod.js';
import { addresses } from '../forwarder/simulated-endpoint.js';
import { addClient, SimulatedForwarder, type Wish } from '../forwarder/simulated-forwarder.js';
import { ProcessEnded, type StartOptions } from '../forwarder/simulated-process.js';
import type { Setting } from './settings.js';
import { Soundness } from './soundness.js';

const clientPath = '/sim/ns/client';

/** What makes a wish one for VFIO. */
const vfio = { type: 'VFIO', parameters: { cgroupDir } };

/** How often the bystander refreshes, ms. */
const stepMs = 120_000;

/** A node with a client whose life is cut, and perhaps a second one that nothing may touch. */
export class Subject {
  readonly setting: Setting;
  readonly world: SimulatedForwarder;
  readonly wish: Wish;
  readonly soundness: Soundness;
  /** The client's last answer: all that it knows. */
  answer: Connection | undefined;
  readonly #like: (text: string) => string;
  #untouched = '';
  #ended = false;
  #delivered: string | undefined;
  #bystander: { readonly wish: Wish; readonly path: string; answer: Connection; readonly section: string } | undefined;

  static async create(setting: Setting, forgets = false): Promise<Subject> {
    let look = (_when: string): void => undefined;
    const world = await SimulatedForwarder.create({ ...setting.node, turn: async (name) => look(name) });
    addClient(world);
    const [token, another] = world.allocate(2);
    if (token === undefined || another === undefined) throw new Error('the simulated node has no tokens');
    await world.node.settled();
    world.node.pods.add(podUid, { tokens: [token] });
    const wish = setting.type === undefined ? { token } : { token, ...vfio };
    const subject = new Subject({ setting, world, wish, forgets });
    look = (when) => subject.soundness.look(when);
    world.endpoint.contextOf = ({ path }) =>
      path?.pathSegments[1]?.id === 'bystander'
        ? { ipContext: addresses('10.1.0.1/32', '10.1.0.2/32') }
        : world.endpoint.context;
    world.endpoint.context = setting.first;
    if (setting.bystander !== undefined) await subject.#connectBystander({ token: another });
    subject.#untouched = world.state();
    world.node.faults.restart();
    return subject;
  }

  private constructor(parts: { setting: Setting; world: SimulatedForwarder; wish: Wish; forgets: boolean }) {
    this.setting = parts.setting;
    this.world = parts.world;
    this.wish = parts.wish;
    this.#like = parts.forgets ? withoutNames : (text) => text;
    this.soundness = new Soundness(parts.world, this.#like);
  }

  async connect(): Promise<void> {
    this.answer = await this.world.connect(this.wish);
    this.#delivered = this.#sight();
  }

  /** All that the client has, in its namespace and of devices. */
  #sight(): string {
    const devices = this.world.node.snapshot().match(/^cgroup .* may use .*$/gm) ?? [];
    return [inNamespace(this.world), ...devices].join('\n');
  }

  /** Sends the last answer back, or the first Request when there is none. */
  async heal(): Promise<void> {
    this.answer =
      this.answer === undefined
        ? await this.world.connect(this.wish)
        : await this.world.refresh(this.answer, this.wish);
  }

  /** The client wants to be served the other way. */
  async changeWay(): Promise<void> {
    const { token } = this.wish;
    await this.change(this.setting.type === 'VFIO' ? { token } : { token, ...vfio });
  }

  async change(wish: Wish): Promise<void> {
    if (this.answer === undefined) throw new Error('there is nothing to change yet');
    this.answer = await this.world.request(changedWish(this.answer, wish), wish);
  }

  async close(): Promise<void> {
    const { answer } = this;
    this.answer = undefined;
    if (answer !== undefined) await this.world.close(answer, this.wish);
  }

  get hasEnded(): boolean {
    return this.#ended;
  }

  /** The client's pod ends, and with it its namespace as soon as nobody holds it; unless it has ended before. */
  endClient(): void {
    if (!this.#ended) this.world.node.killNamespace(clientPath);
    if (!this.#ended) this.world.node.pods.remove(podUid);
    this.#ended = true;
  }

  /** Somebody removes the state folder. */
  loseJournal(): void {
    const { journal } = this.world.node;
    journal.note([...journal.records().keys()].map((key) => ({ key })));
  }

  /** @throws ProcessEnded */
  async restart(options: StartOptions = {}): Promise<TakeOverReport> {
    const report = await this.world.restart({ auditMs, ...this.setting.successor, ...options });
    this.world.kubeletAnswers();
    this.soundness.lookAtRest('after the start');
    return report;
  }

  /** True when the client has what it was promised, and that is on record. */
  isIntact(): boolean {
    const records = [...this.world.node.journal.records()];
    const established = records.filter(([key]) => key.startsWith('connection/'));
    const others = this.#bystander === undefined ? 0 : 1;
    return established.length > others && this.#sight() === (this.#delivered ?? this.#sight());
  }

  /** What was changed on the node or asked of the endpoint since the plan of faults was begun anew. */
  effects(): readonly string[] {
    return effects(this.world).filter((call) => !/^(caller|namespaces)\./.test(call));
  }

  /** Time passes, and the bystander goes on as clients do. */
  async pass(ms: number): Promise<void> {
    for (let left = ms; left > 0; left -= stepMs) {
      await this.world.clock.advance(Math.min(left, stepMs));
      await this.world.node.settled();
      if (!this.world.serving) throw new ProcessEnded();
      await this.refreshBystander();
    }
  }

  /** Other clients go on: one refresh, which finds everything as it was. */
  async refreshBystander(): Promise<void> {
    const it = this.#bystander;
    if (it === undefined) return;
    const before = ownSection(this.world, it.path);
    if (before !== it.section) throw new Error(`the bystander was touched: it has\n${before}\nnot\n${it.section}`);
    const { length } = this.effects();
    it.answer = await this.world.refresh(it.answer, it.wish);
    const effects = this.effects().slice(length);
    if (effects.length === 1 && effects[0]?.startsWith('nextHops.request')) return;
    throw new Error(`the refresh of the bystander changed something: ${effects.join(', ')}`);
  }

  /** What differs from how it was before the client came; undefined when nothing does. */
  remains(): string | undefined {
    const now = this.#like(withoutClient(this.world.state()));
    const before = this.#like(withoutClient(this.#untouched));
    return now === before ? undefined : `${now}\nis not\n${before}`;
  }

  async #connectBystander({ token }: { token: Wish['token'] }): Promise<void> {
    const path = this.setting.bystander === 'of the same pod' ? clientPath : addClient(this.world, '/sim/ns/bystander');
    const wish = { token, namespace: path, interfaceName: 'nsm-9' };
    const answer = await this.world.connect(wish, 'bystander');
    this.#bystander = { wish, path, answer, section: ownSection(this.world, path) };
  }
}

/** How often successors look at the node. */
const auditMs = 300_000;

/** Whether an attempt was cut short by the end of its process; its other failures are the caller's to know. */
export async function wasCut(attempt: Promise<unknown>): Promise<boolean> {
  try {
    await attempt;
    return false;
  } catch (error) {
    return error instanceof ProcessEnded;
  }
}

/** What a namespace shows of the bystander, and of the namespace itself. */
function ownSection(world: SimulatedForwarder, path: string): string {
  const lines = inNamespace(world, path).split('\n');
  const own = lines.findIndex((line) => line.startsWith('  nsm-9'));
  const end = lines.findIndex((line, i) => i > own && !line.startsWith('    '));
  return [...lines.slice(own, end), ...lines.filter((line) => line.includes('ping_group_range'))].join('\n');
}

/** The client and its namespace may be gone; its netdevs may not. */
function withoutClient(state: string): string {
  return state.replace(`namespace ${clientPath}\n`, '').replace(/^cgroup \S+\n/gm, '');
}

/**
 * What nobody can know any more: how a VF's netdev was called and which MAC it had, what its namespace
 * and the endpoint were before. */
function withoutNames(state: string): string {
  return state
    .replace(/^ {2}(?:eth\d|vf\d+) of (0000:01:10\.\d) [0-9a-f:]+/gm, '  the netdev of $1')
    .replace(/^ {2}(?:ipv4\/ping_group_range|rule) .*\n/gm, '')
    .replace(/^at the endpoint: .*$/m, '');
}
