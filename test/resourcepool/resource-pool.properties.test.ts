import { expect } from 'chai';
import fc from 'fast-check';
import type { Catalogue } from '../../src/resourcepool/catalogue.js';
import { ResourcePool } from '../../src/resourcepool/resource-pool.js';
import { anyIntents, type Command, type Intent, outcome, resolve, run } from './commands.js';
import { compare, largePf } from './compare-pools.js';
import { checkInvariants } from './invariants.js';
import { anyCatalogue, catalogueOf, countingIds, owner, type Snapshot, snapshot } from './nodes.js';

type Step = (command: Command, before: Snapshot, after: Snapshot) => void;

/** Runs the intents one after another and looks at every step. */
function play(catalogue: Catalogue, intents: readonly Intent[], look: (pool: ResourcePool) => Step): void {
  const pool = new ResourcePool(catalogue, countingIds());
  const step = look(pool);
  let before = snapshot(pool);
  for (const intent of intents) {
    const command = resolve(pool, intent);
    outcome(pool, command);
    const after = snapshot(pool);
    step(command, before, after);
    before = after;
  }
}

function property(look: (pool: ResourcePool, catalogue: Catalogue) => Step): void {
  fc.assert(
    fc.property(anyCatalogue, anyIntents, (catalogue, intents) =>
      play(catalogue, intents, (pool) => look(pool, catalogue)),
    ),
    { numRuns: 60 },
  );
}

/** Ends everything: what owners hold, what is in quarantine, what pods have. */
function endEverything(pool: ResourcePool): void {
  const owners = ['a', 'b', 'c'].map(owner);
  const releaseAll = () => {
    for (const { address } of pool.functions()) for (const each of owners) pool.release(address, each);
  };
  releaseAll();
  // Its successor released, a function can have its token back: it comes up once more.
  releaseAll();
  for (const { address } of pool.functions()) pool.recover(address);
  for (const { address } of pool.report().physicalFunctions) pool.offerAgain(address);
  pool.free(snapshot(pool).tokens.map(({ id }) => id));
}

/** The snapshot as text: quick to compare. */
function text(pool: ResourcePool): string {
  return JSON.stringify(snapshot(pool));
}

/** Each token that looks different, as it was and as it is. */
function changedTokens(before: Snapshot, after: Snapshot) {
  const earlier = new Map(before.tokens.map((token) => [token.id, token]));
  return after.tokens.flatMap((now) => {
    const was = earlier.get(now.id);
    if (was === undefined) throw new Error(`token ${now.id} came from nowhere`);
    return was.state === now.state && was.heldByPod === now.heldByPod ? [] : [{ was, now }];
  });
}

describe('resource pool, any sequence of commands', function () {
  this.timeout(60_000);

  it('invariant 11: answers every command as the naive pool does, choices included, and looks the same after it', () => {
    const seen = new Set<string>();
    fc.assert(
      fc.property(anyCatalogue, anyIntents, (catalogue, intents) => compare({ catalogue, intents }, seen)),
      { numRuns: 200 },
    );
    expect([...seen].sort()).to.deep.equal(
      ['allocated', 'claimed', 'closed', 'free', 'in-use', 'quarantined', 'superseded', 'withheld'],
      'the commands reach every state',
    );
  });

  it('invariant 11: and so it does where every token keeps to the PF for which it was made', () => {
    const options = { tokensKeepToPhysicalFunction: true };
    fc.assert(
      fc.property(anyCatalogue, anyIntents, (catalogue, intents) =>
        compare({ catalogue, intents, options }, new Set()),
      ),
      { numRuns: 200 },
    );
  });

  it('invariant 11: and so it does on a node of six PFs with forty VFs each', () => {
    const node = catalogueOf(...Array.from({ length: 6 }, (_, pf) => largePf(pf)));
    const many = fc.array(anyIntents, { minLength: 10, maxLength: 10 }).map((parts) => parts.flat());
    fc.assert(
      fc.property(many, (intents) => compare({ catalogue: node, intents }, new Set())),
      { numRuns: 3, endOnFailure: true },
    );
  });

  it('invariants 1, 2, 3, 4, 5, 9, 10, 12: hold after every command', () => {
    property((pool, catalogue) => {
      checkInvariants(snapshot(pool), catalogue);
      return (_command, _before, after) => checkInvariants(after, catalogue);
    });
  });

  it("invariant 5: only an adoption leads from closed to in use, and a pod's token closes for a withheld PF or the last free function", () => {
    property(() => (command, before, after) => {
      const withheld = after.report.physicalFunctions.some((pf) => pf.withheld !== undefined);
      const changed = changedTokens(before, after).map(({ was, now }) => ({
        name: now.name,
        heldByPod: now.heldByPod,
        step: `${was.state} to ${now.state}`,
      }));
      if (command.do !== 'adopt') expect(changed.map(({ step }) => step)).not.to.include('closed to in-use');
      // A token that is nobody's any more may close in the place of a pod's at once.
      const ofPods = changed.filter(({ heldByPod }) => heldByPod);
      if (!withheld) expect(ofPods.map(({ step }) => step)).not.to.include('in-use to closed');
      for (const { name } of ofPods.filter(({ step }) => step === 'allocated to closed')) {
        const free = after.tokens.filter((token) => token.name === name && token.state === 'free');
        expect(free, `an allocated token of ${name} closed although a free one was left`).to.deep.equal([]);
      }
    });
  });

  it('invariant 6, L4: only kubelet changes whose a token is, closed or not', () => {
    property(() => (command, before, after) => {
      if (command.do === 'allocate' || command.do === 'free') return;
      const changed = changedTokens(before, after);
      expect(changed.filter(({ was, now }) => was.heldByPod !== now.heldByPod)).to.deep.equal([]);
    });
  });

  it('invariant 7: the same claim or adoption again answers the same and changes nothing', () => {
    property((pool) => (command, _before, after) => {
      if (command.do !== 'claim' && command.do !== 'adopt') return;
      const first = outcome(pool, command);
      expect(outcome(pool, command)).to.deep.equal(first);
      expect(text(pool)).to.equal(JSON.stringify(after));
    });
  });

  it('invariant 8: what fails, and what says it did nothing, changes nothing', () => {
    fc.assert(
      fc.property(anyCatalogue, anyIntents, (catalogue, intents) => {
        const pool = new ResourcePool(catalogue, countingIds());
        let changes = 0;
        using _listening = pool.onChange(() => changes++);
        for (const intent of intents) {
          const [before, changesBefore] = [text(pool), changes];
          const result = JSON.stringify(outcome(pool, resolve(pool, intent)));
          if (!result.includes('failed') && result !== '{"answer":false}') continue;
          expect(text(pool)).to.equal(before);
          expect(changes).to.equal(changesBefore);
        }
      }),
      { numRuns: 60 },
    );
  });

  it('invariant 11: the same commands on the same node give the same functions again', () => {
    fc.assert(
      fc.property(anyCatalogue, anyIntents, (catalogue, intents) => {
        const [one, other] = [new ResourcePool(catalogue, countingIds()), new ResourcePool(catalogue, countingIds())];
        for (const intent of intents) {
          const command = resolve(one, intent);
          expect(outcome(one, command)).to.deep.equal(outcome(other, command));
        }
        expect(text(one)).to.equal(text(other));
      }),
      { numRuns: 60 },
    );
  });

  it('invariant 13, B6: a release takes from nobody but its owner', () => {
    property(() => (command, before, after) => {
      if (command.do !== 'release') return;
      const holders = ({ functions }: Snapshot) =>
        functions.flatMap(({ address, use }) =>
          use.kind === 'claimed' || use.kind === 'superseded' ? use.owners.map((each) => `${address} ${each}`) : [],
        );
      const released = `${command.function} ${command.owner}`;
      expect(holders(after).sort()).to.deep.equal(
        holders(before)
          .filter((each) => each !== released)
          .sort(),
      );
    });
  });

  it('invariant 14: every change is told once, when it is complete', () => {
    property((pool, catalogue) => {
      let told = 0;
      pool.onChange(() => {
        told++;
        checkInvariants(snapshot(pool), catalogue);
      });
      return (_command, before, after) => {
        const changed = JSON.stringify(before) !== JSON.stringify(after);
        expect(told)
          .to.be.at.least(changed ? 1 : 0)
          .and.at.most(1);
        told = 0;
      };
    });
  });

  it('everything released, recovered and freed: the pool is as new', () => {
    fc.assert(
      fc.property(anyCatalogue, anyIntents, (catalogue, intents) => {
        const pool = new ResourcePool(catalogue, countingIds());
        const fresh = text(pool);
        for (const intent of intents) outcome(pool, resolve(pool, intent));
        endEverything(pool);
        expect(text(pool)).to.equal(fresh);
      }),
      { numRuns: 60 },
    );
  });

  it('invariant 19, B21, L3: connections that interleave in any way leave what some order of their calls leaves', async () => {
    await fc.assert(
      fc.asyncProperty(
        anyCatalogue,
        fc.array(anyIntents, { minLength: 2, maxLength: 4 }),
        fc.scheduler(),
        async (catalogue, scripts, scheduler) => {
          const pool = new ResourcePool(catalogue, countingIds());
          const log: { command: Command; result: unknown }[] = [];
          const connection = async (intents: readonly Intent[], number: number) => {
            for (const intent of intents.slice(0, 12)) {
              await scheduler.schedule(Promise.resolve());
              const command = resolve(pool, { ...intent, owner: owner(`connection ${number}`) });
              log.push({ command, result: outcome(pool, command) });
            }
          };
          const all = Promise.all(scripts.map(connection));
          await scheduler.waitFor(all);
          const serial = new ResourcePool(catalogue, countingIds());
          for (const { command, result } of log) expect(outcome(serial, command)).to.deep.equal(result);
          expect(text(serial)).to.equal(text(pool));
          checkInvariants(snapshot(pool), catalogue);
        },
      ),
      { numRuns: 40 },
    );
  });

  it('invariant 20, B22: no method waits for anything, so none can hold up another', () => {
    property((pool) => (command) => {
      for (const call of [() => run(pool, command), () => pool.report(), () => pool.restore(new Map())]) {
        let answer: unknown;
        try {
          answer = call();
        } catch {
          continue;
        }
        expect(answer).not.to.be.instanceOf(Promise);
      }
    });
    const methods = Object.getOwnPropertyNames(ResourcePool.prototype).map((name) =>
      Reflect.get(ResourcePool.prototype, name),
    );
    for (const method of methods) expect(Object.prototype.toString.call(method)).to.equal('[object Function]');
  });
});
