import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import fc from 'fast-check';
import { PluginEndpoint } from '../../simulation/kubelet/plugin-endpoint.js';
import { offerFromPool } from '../../src/daemon/offer-from-pool.js';
import { type AllocationPolicy, preferredAllocation } from '../../src/deviceplugin/preferred-allocation.js';
import type { OfferedToken } from '../../src/deviceplugin/token-offer.js';
import { parsePciAddress } from '../../src/ports/pci-address.js';
import type { Owner } from '../../src/resourcepool/claim.js';
import { ResourcePool } from '../../src/resourcepool/resource-pool.js';
import { parseTokenId } from '../../src/resourcepool/token-id.js';
import { PluginRig } from './plugin-rig.js';

const NAME = 'service.domain.1/10G';

/** Tokens `<pf><n>`: the PF is a letter, a and b are on NUMA node 0, c on node 1, d on none that is known. */
const node: Readonly<Record<string, number>> = { a: 0, b: 0, c: 1 };
function token(id: string): OfferedToken {
  const [home = ''] = id;
  const homeNode = node[home];
  return { id, healthy: true, heldByPod: false, home, ...(homeNode !== undefined && { homeNode }) };
}

function choose(policy: AllocationPolicy, free: string, size: number, must = ''): string[] {
  const [availableDeviceIDs, mustIncludeDeviceIDs] = [free, must].map((ids) => ids.split(' ').filter(Boolean)) as [
    string[],
    string[],
  ];
  const request = { availableDeviceIDs, mustIncludeDeviceIDs, allocationSize: size };
  const tokens = [...availableDeviceIDs, ...mustIncludeDeviceIDs].map(token);
  const { containerResponses } = preferredAllocation(policy, tokens, { containerRequests: [request] });
  return containerResponses.flatMap(({ deviceIDs }) => deviceIDs);
}

describe('which tokens a container gets that asks for several', () => {
  it('pack: all of one PF, of the smallest that has enough', () => {
    expect(choose('pack', 'a1 b1 a2 b2 b3 c1', 2)).to.deep.equal(['a1', 'a2']);
    expect(choose('pack', 'a1 b1 a2 b2 b3 c1', 3)).to.deep.equal(['b1', 'b2', 'b3']);
  });

  it('pack: the largest first when no PF has enough', () => {
    expect(choose('pack', 'a1 b1 a2 b2 b3 c1', 5)).to.deep.equal(['b1', 'b2', 'b3', 'a1', 'a2']);
  });

  it('pack: beside those that the container must have', () => {
    expect(choose('pack', 'a1 b1 a2 b2 b3', 3, 'b3')).to.deep.equal(['b3', 'b1', 'b2']);
  });

  it('spread: one of each PF in turn, also beside those that the container must have', () => {
    expect(choose('spread', 'a1 a2 b1 b2 c1', 3)).to.deep.equal(['a1', 'b1', 'c1']);
    expect(choose('spread', 'a1 a2 b1 b2 c1', 4)).to.deep.equal(['a1', 'b1', 'c1', 'a2']);
    expect(choose('spread', 'a1 a2 b1 b2', 3, 'a1 a2')).to.deep.equal(['a1', 'a2', 'b1']);
  });

  it('numa: all of one node, whatever the PF, and those of which nothing is known as a node of their own', () => {
    expect(choose('numa', 'c1 c2 a1 b1', 2)).to.deep.equal(['c1', 'c2']);
    expect(choose('numa', 'c1 a1 b1', 2)).to.deep.equal(['a1', 'b1']);
    expect(choose('numa', 'd1 d2 c1 a1', 2)).to.deep.equal(['d1', 'd2']);
    expect(choose('numa', 'c1 d1 a1', 2, 'b1')).to.deep.equal(['b1', 'a1']);
  });

  it('none: whichever kubelet takes', () => {
    expect(choose('none', 'c1 a1 b1', 2, 'b1')).to.deep.equal(['b1', 'c1']);
  });

  it('is always as many as asked for if there are, each once, those it must have first, and none that kubelet has not named', () => {
    const anyIds = fc.uniqueArray(fc.constantFrom(...'abcd').chain((pf) => fc.nat({ max: 5 }).map((n) => `${pf}${n}`)));
    const anyPolicy = fc.constantFrom<AllocationPolicy>('none', 'pack', 'spread', 'numa');
    fc.assert(
      fc.property(
        anyPolicy,
        anyIds,
        fc.nat({ max: 3 }),
        fc.integer({ min: -1, max: 9 }),
        (policy, ids, musts, size) => {
          const must = ids.slice(0, musts);
          const chosen = choose(policy, ids.join(' '), size, must.join(' '));
          expect(chosen).to.have.length(Math.max(0, Math.min(size, ids.length)));
          expect(new Set(chosen).size).to.equal(chosen.length);
          expect(ids).to.include.members(chosen);
          expect(chosen.slice(0, must.length)).to.deep.equal(must.slice(0, chosen.length));
        },
      ),
    );
  });

  it('pack and spread: no choice uses fewer, or more, PFs', () => {
    const anyIds = fc.uniqueArray(
      fc.constantFrom(...'abcd').chain((pf) => fc.nat({ max: 3 }).map((n) => `${pf}${n}`)),
      {
        minLength: 1,
      },
    );
    fc.assert(
      fc.property(anyIds, fc.integer({ min: 1, max: 6 }), (ids, size) => {
        const pfs = (chosen: readonly string[]) => new Set(chosen.map(([pf]) => pf)).size;
        const perPf = [...new Set(ids.map(([pf]) => pf))].map((pf) => ids.filter(([its]) => its === pf).length);
        const wanted = Math.min(size, ids.length);
        let [least, left] = [0, wanted];
        for (const count of perPf.sort((a, b) => b - a)) {
          if (left > 0) least += 1;
          left -= count;
        }
        expect(pfs(choose('pack', ids.join(' '), size))).to.equal(least);
        expect(pfs(choose('spread', ids.join(' '), size))).to.equal(Math.min(perPf.length, wanted));
      }),
    );
  });
});

describe('preferred allocation, from kubelet’s choice to the VFs', () => {
  /** Two PFs with four VFs each, on two NUMA nodes. */
  function createPool(policy: AllocationPolicy, nodes: readonly [number, number] = [0, 1]): ResourcePool {
    const physicalFunctions = nodes.map((numaNode, pf) => ({
      address: parsePciAddress(`0${pf + 1}:00.0`),
      names: [NAME],
      virtualFunctions: Array.from({ length: 4 }, (_, vf) => {
        const address = parsePciAddress(`0${pf + 1}:10.${vf}`);
        return { address, numaNode, groupHasPhysicalFunction: false };
      }),
    }));
    const options = { tokensKeepToPhysicalFunction: policy !== 'none' };
    return new ResourcePool({ physicalFunctions }, () => parseTokenId(`sriov-${randomUUID()}`), options);
  }

  async function physicalFunctionsOf(policy: AllocationPolicy, count: number): Promise<string[]> {
    await using rig = await PluginRig.create();
    const pool = createPool(policy);
    await rig.kubelet.start();
    (
      await rig.restorePlugin(
        offerFromPool(pool, () => undefined),
        { preferredAllocation: policy },
      )
    ).serve();
    await rig.allocatable(NAME, 8);
    const wish = { namespace: 'ns', name: 'p', container: 'app', requests: { [NAME]: count } };
    const { [`NSM_SRIOV_TOKENS_${NAME}`]: tokens = '' } = await rig.kubelet.addPod(wish);
    const claims = tokens.split(',').map((id, n) => {
      return pool.claim({ token: parseTokenId(id), owner: `owner-${n}` as Owner, driver: 'kernel' });
    });
    return claims.map(({ physicalFunction }) => physicalFunction).sort();
  }

  it('gives a container VFs of one PF, or of both', async () => {
    const [one, other] = ['0000:01:00.0', '0000:02:00.0'];
    expect(await physicalFunctionsOf('pack', 3)).to.deep.equal([one, one, one]);
    expect(await physicalFunctionsOf('numa', 4)).to.deep.equal([one, one, one, one]);
    expect(await physicalFunctionsOf('spread', 4)).to.deep.equal([one, one, other, other]);
  });

  it('is told to kubelet where there is a policy', async () => {
    for (const policy of ['none', 'pack'] as const) {
      await using rig = await PluginRig.create();
      await rig.kubelet.start();
      const offer = offerFromPool(createPool(policy), () => undefined);
      (await rig.restorePlugin(offer, { preferredAllocation: policy })).serve();
      await rig.allocatable(NAME, 8);
      const endpoint = new PluginEndpoint(rig.socketOf(NAME));
      const { getPreferredAllocationAvailable: told } = await endpoint.options();
      expect(told).to.equal(policy === 'pack');
      expect(rig.kubelet.registrations[0]?.options?.getPreferredAllocationAvailable).to.equal(policy === 'pack');
      endpoint.close();
    }
  });

  it('tells kubelet a token’s NUMA node only when all VFs of the name are on one', async () => {
    for (const [nodes, expected] of [
      [[1, 1], 1],
      [[0, 1], undefined],
    ] as const) {
      const views = createPool('none', nodes).tokens(NAME);
      expect(new Set(views.map(({ numaNode }) => numaNode))).to.deep.equal(new Set([expected]));
      expect(views[0]).not.to.have.property('home');
    }
    const homes = createPool('numa').tokens(NAME);
    expect(homes.map(({ homeNode }) => homeNode)).to.deep.equal([0, 0, 0, 0, 1, 1, 1, 1]);
  });
});
