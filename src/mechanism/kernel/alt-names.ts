import { type ErrorKind, ForwarderError } from '../../ports/error.js';
import type { Link, Links } from '../../ports/links.js';

/** A netdev in the namespace that these links are of. */
export interface NamedLink {
  readonly links: Links;
  readonly link: Link;
}

/**
 * Takes from a netdev all alternative names but the known ones. They come home with it from a client, who may choose any,
 * and then nobody at home can have them.
 */
export async function dropAltNames(
  { links, link }: NamedLink,
  known: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  for (const altName of link.altNames.filter((name) => !known.includes(name))) {
    await tolerating('not-found', links.removeAltName(link.index, altName, signal));
  }
}

/** Gives a netdev the known names that it has lost. One that somebody else has by now stays where it is. */
export async function returnAltNames(
  { links, link }: NamedLink,
  known: readonly string[],
  signal: AbortSignal,
): Promise<void> {
  for (const altName of known.filter((name) => !link.altNames.includes(name))) {
    await tolerating('exists', links.addAltName(link.index, altName, signal));
  }
}

/** Udev gives and takes names as well: what it did a moment earlier is done. */
async function tolerating(kind: ErrorKind, change: Promise<void>): Promise<void> {
  await change.catch((error: unknown) => {
    if (!(error instanceof ForwarderError) || error.kind !== kind) throw error;
  });
}
