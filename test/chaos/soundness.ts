import type { SimulatedForwarder } from '../forwarder/simulated-forwarder.js';

/**
 * Watches the invariants of a node over all of its processes (sriov-linux 3.5):
 *
 * - 16: each VF is free, a connection's, or kept back, and just one of these;
 * - 17: one that is free is at home, with the driver, the name, the MAC and the settings that it had before anything.
 */
export class Soundness {
  readonly #world: SimulatedForwarder;
  readonly #pristine: ReadonlyMap<string, string>;
  readonly #broken = new Set<string>();
  readonly #like: (text: string) => string;

  /**
   * @param world on which nothing has happened yet
   * @param like leaves out of the node's text what may be otherwise afterwards
   */
  constructor(world: SimulatedForwarder, like: (text: string) => string) {
    this.#world = world;
    this.#like = like;
    const text = like(world.node.snapshot());
    this.#pristine = new Map(world.pool.functions().map(({ address }) => [address, linesOf(text, address)]));
  }

  /** What was found broken so far. */
  get broken(): readonly string[] {
    return [...this.#broken];
  }

  /** To be called at any time. */
  look(when: string): void {
    if (!this.#world.serving) return;
    this.#freeOnesAreUntouched(when);
    this.#oneOwnerEach(when);
  }

  /** To be called while nothing is under way. */
  lookAtRest(when: string): void {
    this.look(when);
    const { node, pool } = this.#world;
    for (const [key, record] of node.journal.records()) {
      const { kind, function: address } = record as { kind?: string; function?: string };
      const use = pool.functions().find((it) => it.address === address)?.use;
      if (kind === 'function-claimed' && use?.kind === 'free') this.#note(when, `16: ${key} claims ${address}, free`);
    }
  }

  #freeOnesAreUntouched(when: string): void {
    const text = this.#like(this.#world.node.snapshot());
    for (const { address, use } of this.#world.pool.functions()) {
      const now = linesOf(text, address);
      if (use.kind === 'free' && now !== this.#pristine.get(address)) {
        this.#note(when, `17: ${address} is free, but\n${now}\nnot\n${this.#pristine.get(address)}`);
      }
    }
  }

  #oneOwnerEach(when: string): void {
    const { pool, forwarder } = this.#world;
    const holders = new Set(forwarder.connections.report().map(({ id }) => id));
    const kept = [...forwarder.quarantined(), ...forwarder.strays()].map((it) => it.function);
    for (const { address, use } of pool.functions()) {
      const count = kept.filter((it) => it === address).length;
      if (use.kind === 'claimed') {
        const owners = use.owners.filter((owner) => holders.has(owner));
        if (owners.length !== 1 || count !== 0)
          this.#note(when, `16: ${address} has owners ${use.owners}, kept ${count}`);
      } else if (count !== (use.kind === 'quarantined' ? 1 : 0)) {
        this.#note(when, `16: ${address} is ${use.kind}, kept back ${count} times`);
      }
    }
  }

  #note(when: string, what: string): void {
    this.#broken.add(`${what} (${when})`);
  }
}

function linesOf(snapshot: string, address: string): string {
  return snapshot
    .split('\n')
    .filter((line) => line.includes(address))
    .join('\n');
}
