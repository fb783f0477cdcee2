import { expect } from 'chai';
import type { Catalogue } from '../../src/resourcepool/catalogue.js';
import type { Snapshot } from './nodes.js';

type Check = (now: Snapshot, catalogue: Catalogue) => void;

const held = ({ functions }: Snapshot) => functions.filter(({ use }) => use.kind !== 'free');
const tokensOf = ({ tokens }: Snapshot, name: string) => tokens.filter((token) => token.name === name);
const namesOf = (catalogue: Catalogue) => [...new Set(catalogue.physicalFunctions.flatMap((pf) => pf.names))];

/** The invariants that hold of every single state, by their number; those about changes are beside the commands. */
const invariants: Readonly<Record<string, Check>> = {
  '1: ids are unique, and every name keeps its number of tokens': (now, catalogue) => {
    expect(new Set(now.tokens.map(({ id }) => id)).size).to.equal(now.tokens.length);
    for (const name of namesOf(catalogue)) {
      const offering = catalogue.physicalFunctions.filter((pf) => pf.names.includes(name));
      expect(tokensOf(now, name).length).to.equal(offering.reduce((sum, pf) => sum + pf.virtualFunctions.length, 0));
    }
  },

  '2: tokens in use are paired with claimed functions, quarantined ones with functions in quarantine': (now) => {
    const fromTokens = now.tokens
      .filter(({ state }) => state === 'in-use' || state === 'quarantined')
      .map((token) => `${token.state} ${token.id} ${token.function}`);
    const fromFunctions = now.functions.flatMap(({ address, use }) => {
      if (use.kind === 'claimed') {
        expect(use.owners).not.to.be.empty;
        expect(new Set(use.owners).size).to.equal(use.owners.length);
        return [`in-use ${use.token} ${address}`];
      }
      return use.kind === 'quarantined' && use.token ? [`quarantined ${use.token} ${address}`] : [];
    });
    expect(fromTokens.sort()).to.deep.equal(fromFunctions.sort());
  },

  '3: of every name as many tokens are left as functions': (now, catalogue) => {
    for (const name of namesOf(catalogue)) {
      const offering = catalogue.physicalFunctions.filter((pf) => pf.names.includes(name)).map((pf) => pf.address);
      const functions = now.functions.filter(({ physicalFunction }) => offering.includes(physicalFunction));
      const left = tokensOf(now, name).filter(({ state }) => state === 'free' || state === 'allocated');
      expect(left.length, name).to.equal(functions.filter(({ use }) => use.kind === 'free').length);
    }
  },

  '4: every held function has closed one token of each name that its own token does not stand for': (
    now,
    catalogue,
  ) => {
    const tokens = new Map(now.tokens.map((token) => [token.id, token]));
    const expected = held(now).flatMap(({ address, physicalFunction, use }) => {
      const pf = catalogue.physicalFunctions.find((each) => each.address === physicalFunction);
      const own = use.kind === 'superseded' || !('token' in use) ? undefined : tokens.get(use.token)?.name;
      return (pf?.names ?? []).filter((name) => name !== own).map((name) => `${address} ${name}`);
    });
    const closed = now.tokens.filter(({ state }) => state === 'closed');
    expect(closed.map((token) => `${token.function} ${token.name}`).sort()).to.deep.equal(expected.sort());
  },

  '5: no token of a pod is closed while a token of its name is free': (now) => {
    for (const { name } of now.tokens.filter(({ state }) => state === 'free')) {
      const wronged = tokensOf(now, name).filter(({ state, heldByPod }) => state === 'closed' && heldByPod);
      expect(wronged, name).to.deep.equal([]);
    }
  },

  '9: a group is pinned exactly while it has members with a driver, and they have one driver': (now) => {
    const groups = new Map<number, string[]>();
    for (const { iommuGroup, use } of now.functions) {
      if (iommuGroup === undefined || !('driver' in use)) continue;
      groups.set(iommuGroup, [...(groups.get(iommuGroup) ?? []), use.driver]);
    }
    for (const drivers of groups.values()) expect(new Set(drivers).size).to.equal(1);
    const expected = [...groups].map(([group, drivers]) => `${group} ${drivers[0]} ${drivers.length}`);
    const reported = now.report.groups.map((group) => `${group.iommuGroup} ${group.driver} ${group.members}`);
    expect(reported.sort()).to.deep.equal(expected.sort());
  },

  '10: a PF has as many free functions as it says': (now) => {
    for (const { address, total, free } of now.report.physicalFunctions) {
      const own = now.functions.filter(({ physicalFunction }) => physicalFunction === address);
      expect(total).to.equal(own.length);
      expect(free).to.equal(own.filter(({ use }) => use.kind === 'free').length);
    }
  },

  '10: a PF that is withheld has no free function': (now) => {
    for (const { address, withheld } of now.report.physicalFunctions) {
      const own = now.functions.filter(({ physicalFunction }) => physicalFunction === address);
      const wrong = own.filter(({ use }) => use.kind === (withheld === undefined ? 'withheld' : 'free'));
      expect(wrong).to.deep.equal([]);
    }
  },

  '12: no function has vfio-pci without a group or with the PF in its group': (now, catalogue) => {
    const all = catalogue.physicalFunctions.flatMap((pf) => pf.virtualFunctions);
    const withPf = new Set(all.filter((vf) => vf.groupHasPhysicalFunction).map((vf) => vf.iommuGroup));
    for (const { iommuGroup, use } of now.functions) {
      if (!('driver' in use) || use.driver !== 'vfio-pci') continue;
      expect(iommuGroup).not.to.equal(undefined);
      expect(withPf.has(iommuGroup)).to.equal(false);
    }
  },

  '14: kubelet is told unhealthy exactly of closed and quarantined tokens': (now) => {
    for (const { state, healthy } of now.tokens) {
      expect(healthy).to.equal(state !== 'closed' && state !== 'quarantined');
    }
  },
};

/** Checks every invariant, so that a failure says which. */
export function checkInvariants(now: Snapshot, catalogue: Catalogue): void {
  for (const [title, check] of Object.entries(invariants)) {
    try {
      check(now, catalogue);
    } catch (error) {
      throw new Error(`invariant ${title}: ${(error as Error).message}`, { cause: error });
    }
  }
}
