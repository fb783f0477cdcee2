import { broken, type Parsed, valid } from './parsed.js';
import { quoted } from './quoted.js';

/*
 * Kubelet's rules for the name of an extended resource, `<prefix>/<name>`. It checks `requests.<prefix>/<name>` as a
 * qualified name, so the prefix has 9 characters less than the 253 of a DNS subdomain.
 */
const longestDomain = 253 - 'requests.'.length;
const longestCapability = 63;
const label = '[a-z0-9](?:[-a-z0-9]*[a-z0-9])?';

/** Pattern of a service domain, for readers that know only patterns (JSON Schema): {@link parseServiceDomain} knows more. */
export const serviceDomainPattern = `^${label}(?:\\.${label})*$`;
/** Pattern of a capability, complete but for its length. */
export const capabilityPattern = '^[A-Za-z0-9](?:[-A-Za-z0-9_.]*[A-Za-z0-9])?$';
export const longestResourceNameParts = { serviceDomain: longestDomain, capability: longestCapability } as const;

function isServiceDomain(text: string): boolean {
  return (
    text.length <= longestDomain &&
    new RegExp(serviceDomainPattern).test(text) &&
    !text.startsWith('requests.') &&
    !text.endsWith('kubernetes.io')
  );
}

function isCapability(text: string): boolean {
  return text.length <= longestCapability && new RegExp(capabilityPattern).test(text);
}

function suggestion(text: string, isLegal: (text: string) => boolean): string {
  return isLegal(text) ? `, for instance ${quoted(text)}` : '';
}

function nearestServiceDomain(text: string): string {
  return text
    .toLowerCase()
    .replace(/^(?:requests\.)+/, '')
    .split('.')
    .map((part) => part.replace(/[^a-z0-9]+/g, '-').replace(/^-|-$/g, ''))
    .filter((part) => part !== '')
    .join('.');
}

function nearestCapability(text: string): string {
  return text
    .replace(/[^-A-Za-z0-9_.]+/g, '-')
    .slice(0, longestCapability)
    .replace(/^[-_.]+|[-_.]+$/g, '');
}

/** A service domain: the part of a token name before the slash. A broken one comes with the nearest legal spelling. */
export function parseServiceDomain(text: string): Parsed<string> {
  if (isServiceDomain(text)) return valid(text);
  const rule =
    `must be a DNS subdomain of lower-case letters, digits, "-" and ".", at most ${longestDomain} characters, ` +
    'that neither starts with "requests." nor ends with "kubernetes.io": kubelet refuses other resource names';
  return broken(rule + suggestion(nearestServiceDomain(text), isServiceDomain));
}

/** A capability: the part of a token name after the slash. A broken one comes with the nearest legal spelling. */
export function parseCapability(text: string): Parsed<string> {
  if (isCapability(text)) return valid(text);
  const rule =
    `must be letters, digits, "-", "_" and ".", with a letter or digit at both ends, at most ${longestCapability} ` +
    'characters: kubelet refuses other resource names';
  return broken(rule + suggestion(nearestCapability(text), isCapability));
}
