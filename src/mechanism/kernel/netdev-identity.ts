import type { Entry } from '../../ledger/entry.js';
import { ForwarderError } from '../../ports/error.js';
import type { JsonObject } from '../../ports/json.js';
import type { Link, Links, Mac } from '../../ports/links.js';
import type { PciAddress } from '../../ports/pci-address.js';

/** How a VF's netdev is recognised wherever it is, under whatever name. Plain data. */
export interface NetdevIdentity {
  readonly function: PciAddress;
  readonly index: number;
  /** Each MAC that it may carry: its own and the one it was given. */
  readonly macs: readonly Mac[];
  /** Each name that it may have: at home, on its way, with its client. */
  readonly names: readonly string[];
  /** True when it shows the function behind it, as all hardware does: then nothing else passes for it. */
  readonly parented: boolean;
}

/** What recognises a netdev that is at home now, and may get these names and this MAC. */
export function identityOf(
  address: PciAddress,
  link: Link,
  later: { readonly names: readonly string[]; readonly mac?: Mac | undefined },
): NetdevIdentity {
  const macs = [link.mac, later.mac].filter((mac): mac is Mac => mac !== '' && mac !== undefined);
  return {
    function: address,
    index: link.index,
    macs: [...new Set(macs)],
    names: [...new Set([link.name, ...later.names])],
    parented: link.parent !== undefined,
  };
}

/**
 * Finds the netdev in one namespace: by the function behind it, looking at the index on record first. A simulated VF
 * shows none; it is known by the MAC on record at that index, or under one of the names that it may have.
 *
 * A client can give any name and MAC to a link of its own; it must not be able to put one in the VF's place.
 */
export async function findNetdev(
  links: Links,
  identity: NetdevIdentity,
  signal: AbortSignal,
): Promise<Link | undefined> {
  const names = identity.parented ? [] : identity.names.map((name) => ({ name }));
  for (const selector of [{ index: identity.index }, ...names]) {
    const link = await links.find(selector, signal);
    if (link !== undefined && isSameNetdev(link, identity)) return link;
  }
  return links.find({ parent: identity.function }, signal);
}

function isSameNetdev(link: Link, identity: NetdevIdentity): boolean {
  if (identity.parented || link.parent !== undefined) return link.parent === identity.function;
  return identity.macs.some((mac) => mac === link.mac);
}

/** The part of a step's arguments that says which netdev it concerns. */
export function netdevArgs({ function: _onEveryEntry, ...rest }: NetdevIdentity): { readonly netdev: JsonObject } {
  return { netdev: rest };
}

/** The netdev that an entry concerns. */
export function recordedNetdev(entry: Entry): NetdevIdentity {
  const { netdev } = entry.args as unknown as { netdev?: Omit<NetdevIdentity, 'function'> };
  if (netdev === undefined || entry.function === undefined) {
    throw new ForwarderError('unknown', `a step of kind ${entry.kind} names no netdev`);
  }
  return { ...netdev, function: entry.function };
}
