import { allValid, broken, type Parsed, valid } from '../parsed.js';
import { quoted } from '../quoted.js';
import { parseCapability, parseServiceDomain } from '../resource-name.js';
import { parseCommaList, parseDistinctNames } from './comma-separated.js';

/** Reads `domain/capability,domain/capability`, none of them twice. The empty text is the empty list. */
export function parseResourceNames(text: string): Parsed<readonly string[]> {
  const list = parseCommaList(text);
  if (!list.ok || list.value.length === 0) return list;
  const names = allValid(list.value.map(parseResourceName));
  return names.ok ? parseDistinctNames(text) : names;
}

/** A name under which kubelet lists tokens: service domain and capability. */
function parseResourceName(text: string): Parsed<string> {
  const [domain = '', capability, ...more] = text.split('/');
  if (capability === undefined || more.length > 0) return broken(`has ${quoted(text)}, which is no domain/capability`);
  const parts = allValid([ruled(domain, parseServiceDomain), ruled(capability, parseCapability)]);
  return parts.ok ? valid(text) : parts;
}

function ruled(part: string, parse: (text: string) => Parsed<string>): Parsed<string> {
  const parsed = parse(part);
  return parsed.ok ? parsed : broken(`has ${quoted(part)}, which ${parsed.rule}`);
}
