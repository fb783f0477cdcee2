import fc from 'fast-check';
import type { PciAddress } from '../../src/ports/pci-address.js';
import type { Owner } from '../../src/resourcepool/claim.js';
import type { DriverType } from '../../src/resourcepool/driver-type.js';
import type { ResourcePool } from '../../src/resourcepool/resource-pool.js';
import type { TokenView } from '../../src/resourcepool/token.js';
import type { TokenId } from '../../src/resourcepool/token-id.js';
import type { NaivePool } from './naive-pool.js';
import { owner, pci, tokenId } from './nodes.js';

/** One call, with its arguments: plain data, so that it can be replayed on any pool. */
export type Command =
  | { readonly do: 'allocate' | 'free'; readonly tokens: readonly TokenId[] }
  | { readonly do: 'claim'; readonly token: TokenId; readonly owner: Owner; readonly driver: DriverType }
  | {
      readonly do: 'adopt';
      readonly token: TokenId;
      readonly function: PciAddress;
      readonly owner: Owner;
      readonly driver: DriverType;
    }
  | { readonly do: 'release'; readonly function: PciAddress; readonly owner: Owner }
  | { readonly do: 'quarantine'; readonly function: PciAddress; readonly mayHave?: DriverType }
  | { readonly do: 'recover'; readonly function: PciAddress }
  | { readonly do: 'withhold' | 'offerAgain'; readonly physicalFunction: PciAddress; readonly reason: string };

/** What a command shall be about, before the state of the pool is known. */
export interface Intent {
  readonly verb:
    | 'allocate'
    | 'free'
    | 'claim'
    | 'claim-allocated'
    | 'claim-again'
    | 'adopt'
    | 'adopt-held'
    | 'release'
    | 'release-held'
    | 'quarantine'
    | 'recover'
    | 'recover-any'
    | 'withhold'
    | 'offerAgain';
  readonly numbers: readonly number[];
  readonly owner: Owner;
  readonly driver: DriverType;
}

const verbs: readonly fc.WeightedArbitrary<Intent['verb']>[] = [
  { weight: 6, arbitrary: fc.constant('allocate') },
  { weight: 2, arbitrary: fc.constant('free') },
  { weight: 1, arbitrary: fc.constant('claim') },
  { weight: 8, arbitrary: fc.constant('claim-allocated') },
  { weight: 6, arbitrary: fc.constant('claim-again') },
  { weight: 1, arbitrary: fc.constant('adopt') },
  { weight: 3, arbitrary: fc.constant('adopt-held') },
  { weight: 1, arbitrary: fc.constant('release') },
  { weight: 4, arbitrary: fc.constant('release-held') },
  { weight: 1, arbitrary: fc.constant('quarantine') },
  { weight: 2, arbitrary: fc.constant('recover') },
  { weight: 1, arbitrary: fc.constant('recover-any') },
  { weight: 1, arbitrary: fc.constant('withhold') },
  { weight: 2, arbitrary: fc.constant('offerAgain') },
];

/** Sequences in which most commands make sense and some do not. */
export const anyIntents: fc.Arbitrary<Intent[]> = fc.array(
  fc.record({
    verb: fc.oneof(...verbs),
    numbers: fc.array(fc.nat({ max: 99 }), { minLength: 1, maxLength: 4 }),
    owner: fc.constantFrom('a', 'a', 'b', 'c').map(owner),
    driver: fc.constantFrom<DriverType>('kernel', 'vfio-pci'),
  }),
  { minLength: 1, maxLength: 60, size: 'max' },
);

/** Makes a command of an intent: its numbers pick among what there is, once in a while something unknown. */
export function resolve(pool: ResourcePool, { verb, numbers, owner: by, driver }: Intent): Command {
  const [number = 0, second = number] = numbers;
  const all = pool.names().flatMap((name) => pool.tokens(name));
  const token = (among: readonly TokenView[]) => pick(among.length > 0 ? among : all, number)?.id ?? tokenId(0);
  const vf = pick([...pool.functions().map(({ address }) => address), pci('ff:1f.7')], number) as PciAddress;
  switch (verb) {
    case 'allocate':
    case 'free':
      return {
        do: verb,
        tokens: numbers.map((each) => pick([...all.map(({ id }) => id), ...unknown(each)], each) as TokenId),
      };
    case 'claim':
      return {
        do: 'claim',
        token: pick([...all.map(({ id }) => id), tokenId(0)], number) as TokenId,
        owner: by,
        driver,
      };
    case 'claim-allocated':
      return { do: 'claim', token: token(all.filter(({ state }) => state === 'allocated')), owner: by, driver };
    case 'claim-again':
      return { do: 'claim', token: token(all.filter(({ state }) => state === 'in-use')), owner: by, driver };
    case 'adopt':
    case 'adopt-held': {
      const among = verb === 'adopt' ? all : all.filter(({ heldByPod }) => heldByPod);
      const wanted = pick([...pool.functions().map(({ address }) => address), pci('ff:1f.7')], second) as PciAddress;
      return { do: 'adopt', token: token(among), function: wanted, owner: by, driver };
    }
    case 'release':
      return { do: 'release', function: vf, owner: by };
    case 'release-held':
      return { do: 'release', ...(pick(holdings(pool), number) ?? { function: vf, owner: by }) };
    case 'quarantine':
      return { do: 'quarantine', function: vf, ...(number % 2 === 0 && { mayHave: driver }) };
    case 'recover-any':
      return { do: 'recover', function: vf };
    case 'withhold':
    case 'offerAgain': {
      const pfs = [...pool.report().physicalFunctions.map(({ address }) => address), ...(number > 95 ? [vf] : [])];
      const reason = second % 2 === 0 ? 'no carrier' : 'down';
      return { do: verb, physicalFunction: pick(pfs, number) as PciAddress, reason };
    }
    case 'recover': {
      const broken = pool.functions().filter(({ use }) => use.kind === 'quarantined');
      return { do: 'recover', function: pick(broken, number)?.address ?? vf };
    }
  }
}

/** Runs a command on a pool or on the model. */
export function run(pool: ResourcePool | NaivePool, command: Command): unknown {
  switch (command.do) {
    case 'allocate':
      return pool.allocate(command.tokens);
    case 'free':
      return pool.free(command.tokens);
    case 'claim':
      return pool.claim(command);
    case 'adopt':
      return pool.adopt(command);
    case 'release':
      return pool.release(command.function, command.owner);
    case 'quarantine':
      return pool.quarantine(command.function, 'it would not come home', command.mayHave);
    case 'recover':
      return pool.recover(command.function);
    case 'withhold':
      return pool.withhold(command.physicalFunction, command.reason);
    case 'offerAgain':
      return pool.offerAgain(command.physicalFunction);
  }
}

/** What a command answered or, if it threw, the kind of its error. */
export function outcome(pool: ResourcePool | NaivePool, command: Command): unknown {
  try {
    return { answer: run(pool, command) };
  } catch (error) {
    if (error instanceof Error && 'kind' in error) return { failed: error.kind };
    throw error;
  }
}

function holdings(pool: ResourcePool): { function: PciAddress; owner: Owner }[] {
  return pool
    .functions()
    .flatMap(({ address, use }) =>
      use.kind === 'claimed' || use.kind === 'superseded'
        ? use.owners.map((each) => ({ function: address, owner: each }))
        : [],
    );
}

function unknown(number: number): TokenId[] {
  return number > 95 ? [tokenId(0)] : [];
}

function pick<T>(among: readonly T[], number: number): T | undefined {
  return among[number % Math.max(among.length, 1)];
}
