const longest = 100;

/** A value from outside as it may stand in a message: in quotes, control characters escaped, cut when very long. */
export function quoted(text: string): string {
  return JSON.stringify(text.length > longest ? `${text.slice(0, longest)}…` : text);
}
