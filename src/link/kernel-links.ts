import { ForwarderError } from '../ports/error.js';
import type { Link, LinkChange, LinkSelector, Links, NetNamespace, VfSettings } from '../ports/links.js';
import type { PciAddress } from '../ports/pci-address.js';
import { u32 } from './attributes.js';
import { isErrno, kernelError } from './kernel-error.js';
import {
  addAltNameRequest,
  changeRequests,
  decodeLink,
  linkHeader,
  linkQuestion,
  moveRequest,
  parentOf,
  removeAltNameRequest,
} from './link-codec.js';
import { IFLA, RTEXT_FILTER, RTM } from './rtnetlink.js';
import type { RtnlChannel } from './rtnl-channel.js';
import { changeVfRequest, decodeVf, vfQuestion } from './vf-codec.js';

/** {@link Links} over rtnetlink. */
export class KernelLinks implements Links {
  readonly #channel: RtnlChannel;
  readonly #channelOf: (namespace: NetNamespace) => RtnlChannel;

  /** @param channelOf the channel of another namespace of the same adapter, the target of a move */
  constructor(channel: RtnlChannel, channelOf: (namespace: NetNamespace) => RtnlChannel) {
    this.#channel = channel;
    this.#channelOf = channelOf;
  }

  async find(by: LinkSelector, signal: AbortSignal): Promise<Link | undefined> {
    if ('parent' in by) return this.#findByParent(by.parent, signal);
    const body = linkQuestion(by);
    if (body === undefined) return undefined;
    const operation = `read link ${'index' in by ? by.index : JSON.stringify(by.name)}`;
    const [answer] = await this.#channel.exchange([{ type: RTM.GETLINK, flags: 0, body }], { signal, operation });
    if (isErrno(answer?.refusal, 'ENODEV')) return undefined;
    if (answer?.refusal !== undefined) throw kernelError(answer.refusal, operation);
    const [reply] = answer?.replies ?? [];
    return reply && decodeLink(reply);
  }

  async change(index: number, change: LinkChange, signal: AbortSignal): Promise<void> {
    const requests = changeRequests(index, change);
    if (requests.length === 0) return;
    const operation = `set ${describe(change)} of link ${index}`;
    const answers = await this.#channel.exchange(requests, { signal, operation });
    const refusal = answers.find((answer) => answer.refusal !== undefined)?.refusal;
    if (refusal !== undefined) throw kernelError(refusal, operation);
  }

  /**
   * One message moves and renames, but not as one act: when the name is taken there, the error `exists` comes after the
   * move, and the link stands in the target under its old name.
   */
  async move(index: number, to: NetNamespace, name: string, signal: AbortSignal): Promise<void> {
    const target = this.#channelOf(to);
    await this.#channel.request(moveRequest(index, target.fd, name), {
      signal,
      operation: `move link ${index} to network namespace ${to.id} as ${JSON.stringify(name)}`,
      weight: 'move',
      holding: [target],
    });
  }

  async addAltName(index: number, altName: string, signal: AbortSignal): Promise<void> {
    const operation = `give link ${index} the alternative name ${JSON.stringify(altName)}`;
    await this.#channel.request(addAltNameRequest(index, altName), { signal, operation });
  }

  async removeAltName(index: number, altName: string, signal: AbortSignal): Promise<void> {
    const operation = `remove the alternative name ${JSON.stringify(altName)} of link ${index}`;
    await this.#channel.request(removeAltNameRequest(index, altName), { signal, operation });
  }

  async readVf(pfIndex: number, vf: number, signal: AbortSignal): Promise<VfSettings> {
    const question = { type: RTM.GETLINK, flags: 0, body: vfQuestion(pfIndex) };
    const [reply] = await this.#channel.request(question, { signal, operation: `read VF ${vf} of link ${pfIndex}` });
    if (reply === undefined) throw new ForwarderError('unknown', `the kernel told nothing about link ${pfIndex}`);
    return decodeVf(reply, vf);
  }

  async changeVf(pfIndex: number, vf: number, change: Partial<VfSettings>, signal: AbortSignal): Promise<void> {
    if (Object.keys(change).length === 0) return;
    const request = changeVfRequest(pfIndex, vf, change);
    const operation = `set ${describe(change)} of VF ${vf} of link ${pfIndex}`;
    const [answer] = await this.#channel.exchange([request], { signal, operation });
    if (answer?.refusal === undefined) return;
    // The kernel says EINVAL for a VF that does not exist as for a bad value: reading tells them apart.
    if (isErrno(answer.refusal, 'EINVAL')) await this.readVf(pfIndex, vf, signal);
    throw kernelError(answer.refusal, operation);
  }

  async #findByParent(parent: PciAddress, signal: AbortSignal): Promise<Link | undefined> {
    const body = Buffer.concat([linkHeader(0), u32(IFLA.EXT_MASK, RTEXT_FILTER.SKIP_STATS)]);
    const replies = await this.#channel.dump(RTM.GETLINK, body, { signal, operation: `find the link of ${parent}` });
    const reply = replies.find((candidate) => parentOf(candidate) === parent);
    return reply && decodeLink(reply);
  }
}

function describe(change: LinkChange | Partial<VfSettings>): string {
  return Object.entries(change)
    .map(([key, value]) => `${key} ${value}`)
    .join(', ');
}
