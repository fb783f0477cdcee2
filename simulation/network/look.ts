import type { NamespaceFile } from '../../src/native/network-namespace.js';
import { runInside } from './run-inside.js';

/** A link as `ip` shows it. */
export interface SeenLink {
  readonly name: string;
  readonly altNames: readonly string[];
  readonly mac: string;
  readonly mtu: number;
  readonly up: boolean;
  /** With prefix lengths, sorted; without those that the kernel gives by itself (link scope). */
  readonly addresses: readonly string[];
}

/** A network namespace as `ip`, other eyes than the forwarder's, shows it. Without what the kernel adds by itself. */
export interface SeenNamespace {
  readonly links: readonly SeenLink[];
  /** `<destination> [via <gateway>] dev <name> [table <id>]`, sorted. */
  readonly routes: readonly string[];
  /** `<ip> <mac> dev <name>`, sorted. */
  readonly neighbours: readonly string[];
  /** `<priority>: from <prefix> lookup <table>`, the three or so that every namespace has included. */
  readonly rules: readonly string[];
}

interface IpLink {
  readonly ifname: string;
  readonly altnames?: readonly string[];
  readonly address?: string;
  readonly mtu: number;
  readonly flags: readonly string[];
  readonly addr_info: readonly { readonly local: string; readonly prefixlen: number; readonly scope: string }[];
}

interface IpRoute {
  readonly dst: string;
  readonly gateway?: string;
  readonly dev?: string;
  readonly table?: string;
  readonly protocol?: string;
}

interface IpNeighbour {
  readonly dst: string;
  readonly dev: string;
  readonly lladdr?: string;
  readonly state?: readonly string[];
}

interface IpRule {
  readonly priority: number;
  readonly src: string;
  readonly srclen?: number;
  readonly table: string;
}

const questions = ['address show', 'route show table all', 'neighbour show nud permanent', 'rule show'];

/**
 * Looks into a network namespace with `ip`.
 *
 * @throws Error when `ip` is not installed or refuses
 */
export async function look(namespace: NamespaceFile, signal: AbortSignal): Promise<SeenNamespace> {
  const [[links, routes, neighbours, rules4], [rules6]] = (await Promise.all([
    ask(namespace, questions, signal),
    ask(namespace, ['rule show'], signal, '-6'),
  ])) as [[IpLink[], IpRoute[], IpNeighbour[], IpRule[]], [IpRule[]]];
  return {
    links: links.map(seenLink).sort(by('name')),
    routes: routes.filter(isNotKernels).map(routeText).sort(),
    neighbours: neighbours.map(({ dst, lladdr, dev }) => `${dst} ${lladdr} dev ${dev}`).sort(),
    rules: [...rules4, ...rules6].map(ruleText).sort(),
  };
}

/** Asks several things of one `ip`; it answers each on a line of its own. */
async function ask(
  namespace: NamespaceFile,
  asked: readonly string[],
  signal: AbortSignal,
  ...options: readonly string[]
): Promise<readonly unknown[]> {
  const input = asked.map((question) => `${question}\n`).join('');
  const ending = await runInside(namespace, ['ip', '-json', ...options, '-batch', '-'], { input, signal });
  if (ending.status !== 0) throw new Error(`ip ${asked.join(', ')}: ${ending.errors.trim()}`);
  return ending.output
    .split('\n')
    .filter(Boolean)
    .map((line) => JSON.parse(line) as unknown);
}

function seenLink(link: IpLink): SeenLink {
  return {
    name: link.ifname,
    altNames: link.altnames ?? [],
    mac: link.address ?? '',
    mtu: link.mtu,
    up: link.flags.includes('UP'),
    addresses: link.addr_info
      .filter(({ scope }) => scope === 'global')
      .map(({ local, prefixlen }) => `${local}/${prefixlen}`)
      .sort(),
  };
}

function isNotKernels({ protocol }: IpRoute): boolean {
  return protocol !== 'kernel' && protocol !== 'ra';
}

function routeText({ dst, gateway, dev, table }: IpRoute): string {
  const parts = [dst, gateway && `via ${gateway}`, dev && `dev ${dev}`, table && `table ${table}`];
  return parts.filter(Boolean).join(' ');
}

function ruleText({ priority, src, srclen, table }: IpRule): string {
  return `${priority}: from ${src}${srclen === undefined ? '' : `/${srclen}`} lookup ${table}`;
}

function by<K extends string>(key: K): (a: Record<K, string>, b: Record<K, string>) => number {
  return (a, b) => (a[key] < b[key] ? -1 : a[key] > b[key] ? 1 : 0);
}
