import { broken, type Parsed, valid } from '../parsed.js';

/** The placeholders that a template may have. */
const placeholder = /\{(namespace|pod)\}/g;

/**
 * Reads the form of clients' SPIFFE ids: `spiffe://domain/path` in which `{namespace}` and `{pod}`, one of them or both,
 * stand for text without a slash.
 */
export function parseSpiffeTemplate(text: string): Parsed<string> {
  const names = [...text.matchAll(placeholder)].map(([, name]) => name);
  if (!/^spiffe:\/\/[^/]+\/.+$/.test(text)) return broken('must look like spiffe://trust.domain/path');
  if (names.length === 0) return broken('must have {namespace} or {pod} in it');
  if (new Set(names).size < names.length) return broken('must not have the same placeholder twice');
  if (/\}\{/.test(text)) return broken('must have something between its placeholders');
  const [stray] = text.replace(placeholder, '').match(/[{}]/) ?? [];
  return stray === undefined ? valid(text) : broken('must have no placeholder but {namespace} and {pod}');
}
