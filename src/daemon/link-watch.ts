import { chooseNetdev } from '../mechanism/kernel/choose-netdev.js';
import type { Clock } from '../ports/clock.js';
import { toForwarderError } from '../ports/error.js';
import { hasFired } from '../ports/has-fired.js';
import type { Namespaces } from '../ports/links.js';
import type { Log } from '../ports/log.js';
import type { PciAddress } from '../ports/pci-address.js';
import type { PciBus } from '../ports/pci-bus.js';
import type { ResourcePool } from '../resourcepool/resource-pool.js';
import { LinkHold, type SeenLink } from './link-hold.js';

/** What watching links works with. */
export interface LinkWatchParts {
  /** Those that are offered at this moment. */
  readonly physicalFunctions: () => readonly PciAddress[];
  readonly pci: Pick<PciBus, 'facts'>;
  readonly namespaces: Pick<Namespaces, 'home'>;
  readonly pool: Pick<ResourcePool, 'withhold' | 'offerAgain'>;
  readonly clock: Clock;
  readonly log: Log;
  /** NSM_LINK_LOSS_HOLD in milliseconds. */
  readonly holdMs: number;
}

/** Looks within the time that a change has to last, and at least so often, in milliseconds. */
const looksPerHold = 5;
const mostMs = 2_000;
const leastMs = 50;

/** A PF as it is watched. */
interface WatchedPort {
  readonly address: PciAddress;
  readonly hold: LinkHold;
  /** Whether it was seen with link, so that a port that is down has lost it and is not just not used. */
  used: boolean;
  withheld: boolean;
}

/**
 * Withholds the VFs of a PF whose port has lost its link, until it is back: a pod that gets one would reach nobody. VFs
 * that pods have stay with them. A port is judged by the PF's own netdev, never by those of VFs, which are with pods.
 * Runs until the signal fires; never rejects.
 */
export async function watchLinks(parts: LinkWatchParts, signal: AbortSignal): Promise<void> {
  const { physicalFunctions, clock, holdMs } = parts;
  let ports: readonly WatchedPort[] = [];
  const pause = Math.max(leastMs, Math.min(mostMs, holdMs / looksPerHold));
  while (!signal.aborted) {
    ports = physicalFunctions().map(
      (address) => ports.find((it) => it.address === address) ?? watched(address, holdMs),
    );
    for (const port of ports) {
      const seen = await look(port, parts, signal);
      if (hasFired(signal)) return;
      if (physicalFunctions().includes(port.address)) judge(port, seen, parts);
    }
    await clock.sleep(pause, signal).catch(() => undefined);
  }
}

function watched(address: PciAddress, holdMs: number): WatchedPort {
  return { address, hold: new LinkHold(holdMs), used: false, withheld: false };
}

async function look(
  port: WatchedPort,
  { pci, namespaces, log }: LinkWatchParts,
  signal: AbortSignal,
): Promise<SeenLink> {
  try {
    const { name } = chooseNetdev(await pci.facts(port.address));
    const link = await namespaces.home.links.find({ name }, signal);
    if (link?.carrier === true) {
      port.used = true;
      return 'link';
    }
    return port.used || link?.up === true ? 'no link' : 'unknown';
  } catch (thrown) {
    const reason = toForwarderError(thrown).message;
    log.debug('cannot look at the port of a PF', { physicalFunction: port.address, reason });
    return port.used ? 'no link' : 'unknown';
  }
}

function judge(port: WatchedPort, seen: SeenLink, { pool, clock, log }: LinkWatchParts): void {
  const lost = port.hold.look(seen, clock.now()) === 'no link';
  if (lost === port.withheld) return;
  port.withheld = lost;
  const { address: physicalFunction } = port;
  if (lost) {
    pool.withhold(physicalFunction, 'the port of its PF has no link');
    log.warn('a PF has lost its link, its free VFs are withheld', { physicalFunction });
  } else {
    pool.offerAgain(physicalFunction);
    log.info('a PF has its link again', { physicalFunction });
  }
}
