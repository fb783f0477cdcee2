import { ForwarderError } from '../../ports/error.js';

/** The metadata in which calls to a registry carry their path of tokens (nsm-wire 4.2). */
export const pathHeader = 'path';

/** The tokens of everybody on the way to the registry, and whose turn it is. */
export interface RegistryPath {
  readonly index: number;
  readonly tokens: readonly string[];
}

/** What a first call carries. */
export const emptyRegistryPath: RegistryPath = { index: 0, tokens: [] };

/** As Go writes it: JSON with its own field names, and null for an empty list. */
export function formatRegistryPath({ index, tokens }: RegistryPath): string {
  const segments = tokens.length === 0 ? null : tokens.map((token) => ({ token }));
  return JSON.stringify({ Index: index, PathSegments: segments });
}

/** @throws ForwarderError `invalid` when it is none */
export function parseRegistryPath(text: string): RegistryPath {
  const path = jsonObject(text);
  const index = path['Index'] ?? 0;
  const segments = path['PathSegments'] ?? [];
  if (typeof index !== 'number' || !Number.isInteger(index) || index < 0 || !Array.isArray(segments)) {
    throw new ForwarderError('invalid', "the registry's path has no number in Index or no list in PathSegments");
  }
  return { index, tokens: segments.map(tokenOf) };
}

function jsonObject(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text);
    if (typeof value === 'object' && value !== null) return value as Record<string, unknown>;
  } catch {
    // Not the parser's message: it quotes the text, and there are tokens in it.
  }
  throw new ForwarderError('invalid', "the registry's path is not a JSON object");
}

function tokenOf(segment: unknown): string {
  const token = typeof segment === 'object' && segment !== null && 'token' in segment ? segment.token : undefined;
  if (typeof token === 'string') return token;
  throw new ForwarderError('invalid', "a segment of the registry's path has no token");
}
