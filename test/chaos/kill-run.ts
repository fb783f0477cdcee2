import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect } from 'chai';
import type { SimulatedNode } from '../../simulation/node.js';
import type { StartReport } from '../../src/daemon/start-report.js';
import { readBootId } from '../../src/journal/boot-id.js';
import { openJournal } from '../../src/journal/open-journal.js';
import { stateOf } from '../e2e/support/expectations.js';
import { expectSameBooks, type TwoNamed } from './books.js';
import type { Crowd } from './crowd.js';
import { Lives } from './lives.js';
import { writeHelpers } from './processes.js';
import type { Random } from './random.js';
import type { RestlessClient } from './restless-client.js';

export interface KillRunParts {
  readonly node: SimulatedNode;
  readonly pfs: readonly TwoNamed[];
  /** Those who come and go, and those who have a VF all the time. */
  readonly restless: Crowd;
  readonly faithful: Crowd;
  readonly random: Random;
}

/** For what takes as long as the slowest of many calls. */
export const patient = () => AbortSignal.timeout(90_000);

/** A node, its clients, and daemons that are killed one after the other. */
export class KillRun {
  readonly lives: Lives;
  readonly #parts: KillRunParts;
  #before: Awaited<ReturnType<typeof stateOf>> | undefined;

  constructor(parts: KillRunParts) {
    this.#parts = parts;
    const { node, random, restless } = parts;
    this.lives = new Lives({ node, random, served: () => restless.served });
  }

  get members(): readonly RestlessClient[] {
    return this.#crowds.flatMap(({ members }) => members);
  }

  /** To be called before anybody has asked for anything. */
  async remember(): Promise<void> {
    this.#before = await this.#state();
  }

  /**
   * Kills the daemon that serves, and those after it, until there were `until` kills: all of them under load, but for the
   * last one. Then a daemon serves that has found everything in order.
   */
  async round(until: number): Promise<void> {
    const { lives } = this;
    for (const crowd of this.#crowds) crowd.start();
    await lives.underLoad();
    await lives.kill();
    while (lives.kills < until - 1) await lives.liveShortly();
    await lives.begin();
    for (const crowd of this.#crowds) await crowd.settle(patient());
    await this.#expectSameBooks();
    await lives.kill();
    await lives.begin();
    await this.#expectSameBooks();
    this.#expectAllTakenOver();
  }

  /** Everybody leaves, and nothing is left of them, nor of any daemon. */
  async end(): Promise<void> {
    const { node } = this.#parts;
    for (const crowd of this.#crowds) await crowd.closeAll(patient());
    await this.#expectSameBooks();
    // One that did not answer a Close in time forgets with the token.
    node.endpoint.expireAll();
    expect(await this.#state()).to.deep.equal(this.#before);
    const namespaces = node.daemon.usage().descriptors.filter((target) => target.startsWith('net:'));
    expect(new Set(namespaces).size, 'namespaces that the daemon has open').to.equal(1);
    expect(await node.daemon.stop('SIGTERM')).to.deep.equal({ code: 0, signal: null });
    expect(writeHelpers(node.folder), 'write helpers').to.deep.equal([]);
    const { journal, history } = openJournal({ folder: join(node.folder, 'state'), bootId: readBootId() });
    using records = journal;
    // Whose a token is stays on record until its pod is gone.
    const left = [...records.records().keys()].filter((key) => !key.startsWith('token/'));
    expect({ history: history.kind, records: left }).to.deep.equal({
      history: 'intact',
      records: [],
    });
  }

  /** For those who look for the cause of a failure. */
  story(): string {
    const logs = this.lives.logs.map((lines) => lines.join('\n'));
    return [...this.members.map(({ doing }) => doing), ...logs].join('\n\n');
  }

  get #crowds(): readonly [Crowd, Crowd] {
    return [this.#parts.restless, this.#parts.faithful];
  }

  #state() {
    return stateOf(this.#parts.node, ...this.members.map(({ client }) => client));
  }

  #expectSameBooks(): Promise<void> {
    return expectSameBooks(this.#parts.node, { clients: this.members, pfs: this.#parts.pfs });
  }

  /** The successor has found each client's connection, and nothing else. */
  #expectAllTakenOver(): void {
    const file = join(this.#parts.node.folder, 'state', 'last-start.json');
    const { journal, connections, quarantined, strays } = JSON.parse(readFileSync(file, 'utf8')) as StartReport;
    expect({ journal, quarantined, strays }).to.deep.equal({ journal: 'intact', quarantined: [], strays: [] });
    expect(connections.filter(({ verdict }) => verdict !== 'kept')).to.deep.equal([]);
    const found = connections.flatMap(({ functions }) => functions).sort();
    expect(found).to.deep.equal(this.members.flatMap(({ vf }) => vf ?? []).sort());
  }
}
