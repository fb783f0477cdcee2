import { expect } from 'chai';
import fc from 'fast-check';
import type { Catalogue } from '../../src/resourcepool/catalogue.js';
import { ResourcePool } from '../../src/resourcepool/resource-pool.js';
import { anyIntents, type Intent, outcome, resolve } from './commands.js';
import { checkInvariants } from './invariants.js';
import { anyCatalogue, countingIds, names, owner, type Snapshot, snapshot } from './nodes.js';

/** How a catalogue becomes another one of the same node: numbers say what of it changes. */
interface Change {
  readonly kept: readonly boolean[];
  readonly names: readonly string[];
  readonly group: number | undefined;
}

const anyChange: fc.Arbitrary<Change> = fc.record({
  kept: fc.array(fc.boolean(), { minLength: 5, maxLength: 5 }),
  names: fc.subarray(names, { minLength: 1 }),
  group: fc.option(fc.integer({ min: 1, max: 4 }), { nil: undefined }),
});

/** Some PFs leave, lose VFs, are offered under other names, or have VFs in other IOMMU groups. */
function changed({ physicalFunctions }: Catalogue, changes: readonly Change[]): Catalogue {
  return {
    physicalFunctions: physicalFunctions.flatMap((pf, p) => {
      const { kept, names: under, group } = changes[p % changes.length] ?? { kept: [], names: [], group: undefined };
      if (kept[4] === false && kept[3] === false) return [];
      const virtualFunctions = pf.virtualFunctions.flatMap((vf, vfIndex) => {
        if (kept[vfIndex % 3] === false) return [];
        return [{ ...vf, vfIndex, ...(group !== undefined && vf.iommuGroup !== undefined && { iommuGroup: group }) }];
      });
      return [{ ...pf, ...(kept[4] === true && { names: under }), virtualFunctions }];
    }),
  };
}

/** A PF in a group would make some of what is held impossible to have been given: that is the kernel's to change. */
const plainCatalogue = anyCatalogue.map(({ physicalFunctions }) => ({
  physicalFunctions: physicalFunctions.map((pf) => ({
    ...pf,
    virtualFunctions: pf.virtualFunctions.map((vf) => ({ ...vf, groupHasPhysicalFunction: false })),
  })),
}));

type Look = (step: {
  readonly pool: ResourcePool;
  readonly before: Snapshot;
  readonly after: Snapshot;
  readonly wanted: Catalogue;
  readonly amended: boolean;
}) => void;

const rounds = fc.array(fc.tuple(anyIntents, fc.array(anyChange, { minLength: 1, maxLength: 4 })), {
  minLength: 1,
  maxLength: 4,
});

const anyOptions = fc.record({ tokensKeepToPhysicalFunction: fc.boolean() });

/** Commands, a change, commands, a change, …; returns the pool and what it was last asked to become. */
function play(
  { catalogue, steps, options }: { catalogue: Catalogue; steps: readonly [Intent[], Change[]][]; options: object },
  look: Look,
): { readonly pool: ResourcePool; readonly wanted: Catalogue } {
  const pool = new ResourcePool(catalogue, countingIds(), options);
  let wanted = catalogue;
  let before = snapshot(pool);
  const step = (amended: boolean) => {
    const after = snapshot(pool);
    look({ pool, before, after, wanted, amended });
    before = after;
  };
  for (const [intents, changes] of steps) {
    for (const intent of intents) {
      outcome(pool, resolve(pool, intent));
      step(false);
    }
    wanted = changed(catalogue, changes);
    pool.amend(wanted);
    step(true);
  }
  return { pool, wanted };
}

function property(look: Look, end: (pool: ResourcePool, wanted: Catalogue) => void = () => undefined): void {
  fc.assert(
    fc.property(plainCatalogue, rounds, anyOptions, (catalogue, steps, options) => {
      const { pool, wanted } = play({ catalogue, steps, options }, look);
      end(pool, wanted);
    }),
    { numRuns: 60 },
  );
}

const isHeld = ({ use }: Snapshot['functions'][number]) => use.kind !== 'free' && use.kind !== 'withheld';

/** Ends everything that owners, pods and quarantine hold. */
function endEverything(pool: ResourcePool): void {
  for (let again = 0; again < 2; again++) {
    for (const { address } of pool.functions()) {
      for (const each of ['a', 'b', 'c'].map(owner)) if (pool.function(address)) pool.release(address, each);
    }
  }
  for (const { address } of pool.functions()) pool.recover(address);
  for (const { address } of pool.report().physicalFunctions) pool.offerAgain(address);
  pool.free(snapshot(pool).tokens.map(({ id }) => id));
}

describe('resource pool, changes of what is offered', function () {
  this.timeout(300_000);

  it('invariant 3: of every name as many tokens are left as functions, while former ones are still held', () => {
    property(({ after, wanted }) => {
      for (const name of new Set([...names, ...after.tokens.map((token) => token.name)])) {
        const offering = wanted.physicalFunctions.filter((pf) => pf.names.includes(name)).map((pf) => pf.address);
        const free = after.functions.filter((vf) => vf.use.kind === 'free' && offering.includes(vf.physicalFunction));
        const left = after.tokens.filter((it) => it.name === name && ['free', 'allocated'].includes(it.state));
        expect(left.length, name).to.equal(free.length);
      }
      expect(new Set(after.tokens.map(({ id }) => id)).size).to.equal(after.tokens.length);
    });
  });

  it('gives out nothing that is not wanted, and keeps nothing back that is', () => {
    property(({ after, wanted }) => {
      const there = new Map(after.functions.map((vf) => [vf.address, vf]));
      const asked = wanted.physicalFunctions.flatMap((pf) => pf.virtualFunctions.map(({ address }) => address));
      for (const { address } of after.functions.filter((vf) => !isHeld(vf))) expect(asked).to.include(address);
      for (const address of asked) expect(there.has(address), address).to.equal(true);
    });
  });

  it('leaves everybody what they have: functions to their owners, tokens to their pods', () => {
    property(({ before, after, amended }) => {
      if (!amended) return;
      const held = ({ functions }: Snapshot) => functions.filter(isHeld).map(({ address, use }) => ({ address, use }));
      expect(held(after)).to.have.deep.members(held(before));
      const withPods = ({ tokens }: Snapshot) =>
        tokens.filter(({ heldByPod }) => heldByPod).map(({ id, name }) => `${id} ${name}`);
      expect(withPods(after)).to.have.members(withPods(before));
    });
  });

  it('lets free tokens go before one that a pod has stands for nothing, and close before one that a pod has', () => {
    property(({ after, amended }) => {
      const wronged = after.tokens.filter(
        ({ state, heldByPod }) => (amended && state === 'retired') || (state === 'closed' && heldByPod),
      );
      for (const { name } of wronged) {
        expect(after.tokens.filter((token) => token.name === name && token.state === 'free')).to.deep.equal([]);
      }
    });
  });

  it('changes nothing when the same is wanted again', () => {
    property(({ pool, after, wanted, amended }) => {
      if (!amended) return;
      pool.amend(wanted);
      expect(JSON.stringify(snapshot(pool))).to.equal(JSON.stringify(after));
    });
  });

  it('has come to what is wanted when everything held is free again', () => {
    property(
      () => undefined,
      (pool, wanted) => {
        endEverything(pool);
        const now = snapshot(pool);
        checkInvariants(now, wanted);
        const fresh = new ResourcePool(wanted, countingIds());
        expect(pool.names()).to.have.members(fresh.names());
        expect(pool.functions()).to.have.deep.members(fresh.functions());
        expect(now.tokens.map(({ name, state }) => `${name} ${state}`)).to.have.members(
          snapshot(fresh).tokens.map(({ name, state }) => `${name} ${state}`),
        );
      },
    );
  });

  it('refuses what lists a function twice, and changes nothing', () => {
    fc.assert(
      fc.property(plainCatalogue, (catalogue) => {
        const pool = new ResourcePool(catalogue, countingIds());
        const before = JSON.stringify(snapshot(pool));
        const twice = { physicalFunctions: [...catalogue.physicalFunctions, ...catalogue.physicalFunctions] };
        expect(() => pool.amend(twice))
          .to.throw(/is listed as/)
          .with.property('kind', 'invalid');
        expect(JSON.stringify(snapshot(pool))).to.equal(before);
      }),
      { numRuns: 20 },
    );
  });
});
