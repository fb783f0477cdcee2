import type { PciAddress } from '../ports/pci-address.js';
import type { Token, TokenPlace } from './token.js';
import type { TokenLot } from './token-lots.js';

/**
 * Tokens in the order in which they are given up: those that no pod has, and among them those of the PF that has most
 * beyond its free functions; the newest first.
 *
 * @param free functions by PF
 */
export function surplusFirst(tokens: readonly Token[], free: ReadonlyMap<PciAddress, number>): readonly Token[] {
  const beyond = new Map<Token, number>();
  const seen = new Map<PciAddress | undefined, number>();
  // What a PF has beyond its functions are the last of its tokens, those of pods first of all to stay.
  for (const token of [...tokens].sort((a, b) => Number(b.held) - Number(a.held) || a.index - b.index)) {
    const { home } = token.place;
    const count = (seen.get(home) ?? 0) + 1;
    seen.set(home, count);
    beyond.set(token, count - (home === undefined ? 0 : (free.get(home) ?? 0)));
  }
  return [...tokens].sort(
    (a, b) => Number(a.held) - Number(b.held) || (beyond.get(b) ?? 0) - (beyond.get(a) ?? 0) || b.index - a.index,
  );
}

/** Where one more token belongs: to the PF that has most functions without one. */
export function mostMissing(
  tokens: readonly Token[],
  free: ReadonlyMap<PciAddress, number>,
  lots: readonly TokenLot[],
): TokenPlace {
  const missing = ({ home }: TokenPlace) =>
    home === undefined ? 0 : (free.get(home) ?? 0) - tokens.filter(({ place }) => place.home === home).length;
  const [first] = [...lots].sort((a, b) => missing(b.place) - missing(a.place));
  return first?.place ?? {};
}
