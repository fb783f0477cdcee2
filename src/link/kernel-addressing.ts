import { ForwarderError, toForwarderError } from '../ports/error.js';
import { type Prefix, parsePrefix } from '../ports/ip.js';
import type { Addressing, IpObject, Links } from '../ports/links.js';
import type { Answer, Request } from './exchange.js';
import { addRequest, describeIp, type IpKind, type IpOf, ipCodecs, removeRequest } from './ip-codecs.js';
import { isErrno, kernelError } from './kernel-error.js';
import type { KernelSettings } from './kernel-settings.js';
import { routeTable } from './route-codec.js';
import type { RtnlChannel } from './rtnl-channel.js';
import { ruleTable } from './rule-codec.js';
import { ruleRemoval } from './rule-removal.js';

/** Objects in one send: their acknowledgements fit the smallest usual receive buffer. */
const batchSize = 64;
/** How the kernel says that what should go is not there, or not even its link. */
const gone = ['ENOENT', 'ESRCH', 'ENODEV', 'EADDRNOTAVAIL', 'EAFNOSUPPORT'] as const;

/** What {@link KernelAddressing} is made of. */
export interface AddressingParts {
  readonly channel: RtnlChannel;
  readonly links: Pick<Links, 'find'>;
  readonly settings: KernelSettings;
}

/**
 * {@link Addressing} over rtnetlink. The objects of one call go to the kernel in one send, which saves a turn in the
 * lane for each; the kernel does not stop at a failure, so what it did after one is taken back before the error is
 * thrown.
 */
export class KernelAddressing implements Addressing {
  readonly #channel: RtnlChannel;
  readonly #links: Pick<Links, 'find'>;
  readonly #settings: KernelSettings;

  constructor(parts: AddressingParts) {
    this.#channel = parts.channel;
    this.#links = parts.links;
    this.#settings = parts.settings;
  }

  async list<K extends IpKind>(kind: K, index: number | undefined, signal: AbortSignal): Promise<readonly IpOf<K>[]> {
    const codec = ipCodecs[kind];
    const entries = await this.#dump(kind, index, signal);
    return entries
      .map((entry) => codec.decode(entry))
      .filter((object) => object !== undefined)
      .filter((object) => index === undefined || !('index' in object) || object.index === index);
  }

  async add(objects: readonly IpObject[], signal: AbortSignal): Promise<void> {
    const steps = objects.map((object) => ({ object, request: addRequest(object) }));
    await this.#setOnLinks(addresses(objects, isIpv6), { path: ipv6Off, value: '0' }, signal);
    for (let start = 0; start < steps.length; start += batchSize) {
      await this.#addBatch(steps.slice(start, start + batchSize), signal);
    }
  }

  async remove(objects: readonly IpObject[], signal: AbortSignal): Promise<void> {
    const rules = objects.some((object) => object.kind === 'rule')
      ? [...(await this.list('rule', undefined, signal))]
      : [];
    const steps = objects.flatMap((object) =>
      (object.kind === 'rule' ? ruleRemoval(object, rules) : [removeRequest(object)]).map((request) => ({
        object,
        request,
      })),
    );
    await this.#setOnLinks(addresses(objects, mayBePrimary), { path: promoteSecondaries, value: '1' }, signal);
    const failures: ForwarderError[] = [];
    for (let start = 0; start < steps.length; start += batchSize) {
      failures.push(...(await this.#removeBatch(steps.slice(start, start + batchSize), signal)));
    }
    if (failures[0] !== undefined) throw failures[0];
  }

  async usedTables(signal: AbortSignal): Promise<ReadonlySet<number>> {
    const [routes, rules] = await Promise.all([
      this.#dump('route', undefined, signal),
      this.#dump('rule', undefined, signal),
    ]);
    return new Set([...routes.map(routeTable), ...rules.map(ruleTable)]);
  }

  readSetting(path: string): string | undefined {
    this.#channel.requireOpen();
    return this.#settings.read(path);
  }

  writeSetting(path: string, value: string): void {
    this.#channel.requireOpen();
    this.#settings.write(path, value);
  }

  #dump(kind: IpKind, index: number | undefined, signal: AbortSignal): Promise<readonly Buffer[]> {
    const codec = ipCodecs[kind];
    const operation = index === undefined ? `list ${kind} objects` : `list ${kind} objects of link ${index}`;
    return this.#channel.dump(codec.listType, codec.listBody(index ?? 0), { signal, operation });
  }

  async #addBatch(steps: readonly Step[], signal: AbortSignal): Promise<void> {
    const answers = await this.#exchange('add', steps, signal);
    for (const [i, step] of steps.entries()) {
      const refusal = answers[i]?.refusal;
      if (refusal === undefined) continue;
      if (isErrno(refusal, 'EEXIST') && (await this.#isThere(step, signal))) continue;
      const later = steps.slice(i + 1).filter((_, j) => answers[i + 1 + j]?.refusal === undefined);
      const undoFailures = await this.#takeBack(later, signal);
      const error = kernelError(refusal, `add ${describeIp(step.object)}`);
      throw new ForwarderError(error.kind, error.message, { details: error.details, undoFailures });
    }
  }

  /** True when exactly this object is there; otherwise something else is in its way. */
  async #isThere({ object, request }: Step, signal: AbortSignal): Promise<boolean> {
    const codec = ipCodecs[object.kind];
    const wanted = codec.identity(Buffer.from(request.body));
    const entries = await this.#dump(object.kind, 'index' in object ? object.index : undefined, signal);
    return entries.some((entry) => codec.identity(entry) === wanted);
  }

  async #takeBack(steps: readonly Step[], signal: AbortSignal): Promise<readonly ForwarderError[]> {
    if (steps.length === 0) return [];
    try {
      await this.remove(
        steps.map((step) => step.object),
        signal,
      );
      return [];
    } catch (thrown) {
      return [toForwarderError(thrown)];
    }
  }

  async #removeBatch(steps: readonly Step[], signal: AbortSignal): Promise<readonly ForwarderError[]> {
    const answers = await this.#exchange('remove', steps, signal);
    return steps.flatMap(({ object }, i) => {
      const refusal = answers[i]?.refusal;
      return refusal === undefined || isErrno(refusal, ...gone)
        ? []
        : [kernelError(refusal, `remove ${describeIp(object)}`)];
    });
  }

  #exchange(verb: string, steps: readonly Step[], signal: AbortSignal): Promise<readonly Answer[]> {
    const operation = `${verb} ${steps.map((step) => describeIp(step.object)).join(', ')}`;
    return this.#channel.exchange(
      steps.map((step) => step.request),
      { signal, operation },
    );
  }

  /** Writes a setting of the links of these objects where it is another; kernels without it need none. */
  async #setOnLinks(objects: readonly { index: number }[], setting: LinkSetting, signal: AbortSignal): Promise<void> {
    for (const index of new Set(objects.map((object) => object.index))) {
      const link = await this.#links.find({ index }, signal);
      if (link === undefined) continue;
      const path = setting.path(link.name);
      const present = this.readSetting(path);
      if (present !== undefined && present !== setting.value)
        await this.#settings.writeInBackground(path, setting.value);
    }
  }
}

interface Step {
  readonly object: IpObject;
  readonly request: Request;
}

interface LinkSetting {
  readonly path: (link: string) => string;
  readonly value: string;
}

/** The kernel refuses IPv6 addresses on a link where IPv6 is switched off, as it is in many clusters. */
const ipv6Off = (link: string) => `ipv6/conf/${link}/disable_ipv6`;
/** Without it the kernel drops the other addresses of a subnet together with the first. */
const promoteSecondaries = (link: string) => `ipv4/conf/${link}/promote_secondaries`;

function addresses(objects: readonly IpObject[], fits: (prefix: Prefix) => boolean): readonly IpOf<'address'>[] {
  return objects.filter((object) => object.kind === 'address').filter((address) => fits(parsePrefix(address.cidr)));
}

function isIpv6(prefix: Prefix): boolean {
  return prefix.address.family === 6;
}

function mayBePrimary(prefix: Prefix): boolean {
  return prefix.address.family === 4 && prefix.length < 32;
}
