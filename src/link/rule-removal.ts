import type { IpRule } from '../ports/links.js';
import type { Request } from './exchange.js';
import { removalMatches, ruleCodec } from './rule-codec.js';

/**
 * The messages that remove exactly this rule. The kernel removes the first that fits what is given, and cannot be told
 * "without an IP protocol"; so more specific rules before the wanted one go first, and come back right after it. They
 * lead to the same table at the same priority, hence their order does not matter.
 *
 * @param present our rules in the kernel's order; brought up to date
 */
export function ruleRemoval(rule: IpRule, present: IpRule[]): readonly Request[] {
  const wanted = ruleCodec.identity(Buffer.from(ruleCodec.add(rule).body));
  const position = present.findIndex((candidate) => identityOf(candidate) === wanted);
  if (position < 0) return [];
  const mistaken = present.slice(0, position).filter((candidate) => removalMatches(rule, candidate));
  const kept = present.filter((candidate, i) => i !== position && !mistaken.includes(candidate));
  present.splice(0, present.length, ...kept, ...mistaken);
  return [
    ...Array.from({ length: mistaken.length + 1 }, () => ruleCodec.remove(rule)),
    ...mistaken.map((candidate) => ruleCodec.add(candidate)),
  ];
}

function identityOf(rule: IpRule): string | undefined {
  return ruleCodec.identity(Buffer.from(ruleCodec.add(rule).body));
}
