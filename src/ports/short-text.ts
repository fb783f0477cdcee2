/**
 * The text, or its beginning and how long it was, all in all not longer than asked (UTF-16 units): for messages that name
 * what somebody else has sent.
 */
export function shortText(text: string, longest: number): string {
  if (text.length <= longest) return text;
  // What is shortened for the second time was longer still.
  const length = /… \((\d+) characters\)$/.exec(text)?.[1] ?? text.length;
  const note = `… (${length} characters)`;
  const beginning = text.slice(0, Math.max(0, longest - note.length)).replace(/[\ud800-\udbff]$/, ''); // no half character
  return `${beginning}${note}`;
}
