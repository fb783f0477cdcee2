import { NetlinkSocket } from '../native/netlink-socket.js';
import type { NamespaceFile } from '../native/network-namespace.js';
import { ForwarderError } from '../ports/error.js';
import type { Addressing, Links, NamespaceId, NetNamespace } from '../ports/links.js';
import { KernelAddressing } from './kernel-addressing.js';
import { KernelLinks } from './kernel-links.js';
import type { Inside } from './kernel-settings.js';
import { KernelSettings } from './kernel-settings.js';
import { RtnlChannel } from './rtnl-channel.js';
import type { RtnlLane } from './rtnl-lane.js';

/** What a {@link KernelNamespace} is made of; it owns the file. */
export interface NamespaceParts {
  readonly file: NamespaceFile;
  readonly lane: RtnlLane;
  readonly inside: Inside;
}

/** An open network namespace of the running kernel: one descriptor, and a socket from the first request on. */
export class KernelNamespace implements NetNamespace {
  readonly id: NamespaceId;
  readonly links: Links;
  readonly addressing: Addressing;
  readonly #channel: RtnlChannel;

  constructor({ file, lane, inside }: NamespaceParts) {
    this.id = file.id;
    this.#channel = new RtnlChannel({ file, lane, openSocket: () => inside(() => new NetlinkSocket()) });
    this.links = new KernelLinks(this.#channel, channelOf);
    this.addressing = new KernelAddressing({
      channel: this.#channel,
      links: this.links,
      settings: new KernelSettings(inside),
    });
  }

  static channelOf(namespace: KernelNamespace): RtnlChannel {
    return namespace.#channel;
  }

  [Symbol.dispose](): void {
    this.#channel[Symbol.dispose]();
  }
}

function channelOf(namespace: NetNamespace): RtnlChannel {
  if (namespace instanceof KernelNamespace) return KernelNamespace.channelOf(namespace);
  throw new ForwarderError('invalid', `network namespace ${namespace.id} does not belong to this kernel`);
}
