import type { Link, Links, Mac } from '../../ports/links.js';
import type { PciAddress } from '../../ports/pci-address.js';

/** How a VF's netdev is recognised wherever it is, under whatever name. */
export interface NetdevIdentity {
  readonly function: PciAddress;
  readonly index: number;
  /** Each MAC that it may carry: its own and the one it was given. */
  readonly macs: readonly Mac[];
}

/** By its parent device where it has one; a simulated VF has none: then by the index and MAC on record. */
function isSameNetdev(link: Link, identity: NetdevIdentity): boolean {
  if (link.parent !== undefined) return link.parent === identity.function;
  return link.index === identity.index && identity.macs.some((mac) => mac === link.mac);
}

/**
 * Finds the netdev in one namespace, the likely places first: the index on record, the names given, then a search by
 * parent device.
 */
export async function findNetdev(
  links: Links,
  identity: NetdevIdentity,
  likely: { readonly names: readonly string[]; readonly signal: AbortSignal },
): Promise<Link | undefined> {
  for (const selector of [{ index: identity.index }, ...likely.names.map((name) => ({ name }))]) {
    const link = await links.find(selector, likely.signal);
    if (link === undefined) continue;
    if (isSameNetdev(link, identity)) return link;
    // The kernel may give it another index on a move; under its travel name it can be nothing else.
    if ('name' in selector && link.parent === undefined && identity.macs.some((mac) => mac === link.mac)) return link;
  }
  return links.find({ parent: identity.function }, likely.signal);
}
