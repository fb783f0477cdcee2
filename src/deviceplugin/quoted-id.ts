/** Longest id that is repeated whole; the proto allows 63 characters. */
const longest = 80;

/** An id that somebody sent, fit for a message: quoted, and cut when it is longer than any id may be. */
export function quotedId(id: string): string {
  if (id.length <= longest) return JSON.stringify(id);
  return `${JSON.stringify(id.slice(0, longest))}... (${id.length} characters)`;
}
