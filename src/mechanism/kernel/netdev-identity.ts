import type { Link, Links, Mac } from '../../ports/links.js';
import type { PciAddress } from '../../ports/pci-address.js';

/** How a VF's netdev is recognised wherever it is, under whatever name. */
export interface NetdevIdentity {
  readonly function: PciAddress;
  readonly index: number;
  /** Each MAC that it may carry: its own and the one it was given. */
  readonly macs: readonly Mac[];
  /** True when it shows the function behind it, as all hardware does: then nothing else passes for it. */
  readonly parented: boolean;
}

/** What recognises a netdev that is at home now. */
export function identityOf(address: PciAddress, link: Link): NetdevIdentity {
  const macs = link.mac === '' ? [] : [link.mac];
  return { function: address, index: link.index, macs, parented: link.parent !== undefined };
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
  likely: { readonly names: readonly string[]; readonly signal: AbortSignal },
): Promise<Link | undefined> {
  const names = identity.parented ? [] : likely.names.map((name) => ({ name }));
  for (const selector of [{ index: identity.index }, ...names]) {
    const link = await links.find(selector, likely.signal);
    if (link !== undefined && isSameNetdev(link, identity)) return link;
  }
  return links.find({ parent: identity.function }, likely.signal);
}

function isSameNetdev(link: Link, identity: NetdevIdentity): boolean {
  if (identity.parented || link.parent !== undefined) return link.parent === identity.function;
  return identity.macs.some((mac) => mac === link.mac);
}
