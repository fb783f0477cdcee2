import { ForwarderError } from '../../ports/error.js';
import type { Link, NetNamespace } from '../../ports/links.js';
import { dropAltNames } from './alt-names.js';

/** A netdev that is away. */
export interface AwayNetdev {
  readonly away: NetNamespace;
  readonly link: Link;
}

/**
 * Moves a netdev home under a name that nobody else has there. The kernel refuses that while one of its alternative
 * names is taken at home, and a client can give it any: then it comes without them, and is given its own again at home.
 */
export async function moveHome(
  { away, link }: AwayNetdev,
  { home, name }: { readonly home: NetNamespace; readonly name: string },
  signal: AbortSignal,
): Promise<void> {
  try {
    await away.links.move(link.index, home, name, signal);
  } catch (error) {
    if (!(error instanceof ForwarderError) || error.kind !== 'exists' || link.altNames.length === 0) throw error;
    await dropAltNames({ links: away.links, link }, [], signal);
    await away.links.move(link.index, home, name, signal);
  }
}
