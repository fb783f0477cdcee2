import type { CST } from 'yaml';

const deepest = 16;

function inside(token: CST.Token): readonly CST.Token[] {
  if (token.type === 'document') return token.value === undefined ? [] : [token.value];
  if (!('items' in token)) return [];
  return token.items.flatMap(({ key, value }) => [key, value].filter((part) => part !== undefined && part !== null));
}

/**
 * Offset of the first collection that is nested too deep to mean anything. The parser makes such tokens without
 * trouble, but what follows it calls itself once for each level: with ten thousand levels the whole process dies.
 */
export function findTooDeep(tokens: readonly CST.Token[]): number | undefined {
  let level = tokens;
  for (let depth = 0; level.length > 0; depth++) {
    // The document itself is one level more.
    if (depth > deepest + 1) return level[0]?.offset;
    level = level.flatMap(inside);
  }
  return undefined;
}
