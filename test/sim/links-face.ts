import { ForwarderError } from '../../src/ports/error.js';
import type { Link, LinkChange, LinkSelector, Links, NetNamespace, VfSettings } from '../../src/ports/links.js';
import type { NamespaceHandle } from './namespace-handle.js';
import { linkOf, type Netdev, requireNetdev } from './netdev.js';
import { changeNetdev, moveNetdev } from './netdev-changes.js';
import type { SimPf } from './pci-function.js';
import { changeVf, checkVfChange, requireVf, shownVfSettings } from './vf-settings.js';

/** {@link Links} of one open namespace. */
export class LinksFace implements Links {
  readonly #handle: NamespaceHandle;
  readonly #handleOf: (namespace: NetNamespace) => NamespaceHandle;

  /** @param handleOf the simulated side of the target of a move */
  constructor(handle: NamespaceHandle, handleOf: (namespace: NetNamespace) => NamespaceHandle) {
    this.#handle = handle;
    this.#handleOf = handleOf;
  }

  find(by: LinkSelector, signal: AbortSignal): Promise<Link | undefined> {
    return this.#handle.call('links.find', selectorText(by), signal, (namespace) => {
      const netdev = [...namespace.netdevs.values()].find((candidate) => fits(candidate, by));
      return netdev && linkOf(netdev);
    });
  }

  change(index: number, change: LinkChange, signal: AbortSignal): Promise<void> {
    const what = `${this.#name(index)} ${JSON.stringify(change)}`;
    return this.#handle.call('links.change', what, signal, (namespace) => {
      if (Object.keys(change).length === 0) return;
      changeNetdev(requireNetdev(namespace, index, `change link ${index}`), change);
    });
  }

  move(index: number, to: NetNamespace, name: string, signal: AbortSignal): Promise<void> {
    const target = this.#handleOf(to);
    const what = `${this.#name(index)} to ${target.path} as ${name}`;
    return this.#handle.call('links.move', what, signal, (namespace) => {
      const netdev = requireNetdev(namespace, index, `move link ${index} to ${target.path}`);
      moveNetdev(netdev, target.requireOpen(), name);
    });
  }

  addAltName(index: number, altName: string, signal: AbortSignal): Promise<void> {
    return this.#handle.call('links.addAltName', `${this.#name(index)} ${altName}`, signal, (namespace) => {
      const netdev = requireNetdev(namespace, index, `give link ${index} the alternative name ${altName}`);
      if (namespace.named(altName) !== undefined) {
        throw new ForwarderError('exists', `${namespace.path} has a link named ${JSON.stringify(altName)}`);
      }
      netdev.altNames.push(altName);
    });
  }

  removeAltName(index: number, altName: string, signal: AbortSignal): Promise<void> {
    return this.#handle.call('links.removeAltName', `${this.#name(index)} ${altName}`, signal, (namespace) => {
      const netdev = requireNetdev(namespace, index, `remove alternative name ${altName} of link ${index}`);
      const position = netdev.altNames.indexOf(altName);
      if (position < 0) throw new ForwarderError('not-found', `link ${netdev.name} has no alternative name ${altName}`);
      netdev.altNames.splice(position, 1);
    });
  }

  readVf(pfIndex: number, vf: number, signal: AbortSignal): Promise<VfSettings> {
    return this.#handle.call('links.readVf', `${this.#name(pfIndex)} vf ${vf}`, signal, () =>
      shownVfSettings(requireVf(this.#pf(pfIndex), vf)),
    );
  }

  changeVf(pfIndex: number, vf: number, change: Partial<VfSettings>, signal: AbortSignal): Promise<void> {
    const what = `${this.#name(pfIndex)} vf ${vf} ${JSON.stringify(change)}`;
    return this.#handle.call('links.changeVf', what, signal, () => {
      if (Object.keys(change).length === 0) return;
      checkVfChange(change);
      changeVf(requireVf(this.#pf(pfIndex), vf), change);
    });
  }

  #pf(index: number): SimPf {
    const netdev = requireNetdev(this.#handle.requireOpen(), index, `reach the VFs of link ${index}`);
    const pf = this.#handle.pfs().find((candidate) => candidate.netdevs.includes(netdev));
    if (pf === undefined) throw new ForwarderError('unsupported', `link ${netdev.name} is not a physical function`);
    return pf;
  }

  #name(index: number): string {
    return `#${index} ${this.#handle.namespace.netdevs.get(index)?.name ?? '?'}`;
  }
}

function fits(netdev: Netdev, by: LinkSelector): boolean {
  if ('index' in by) return netdev.index === by.index;
  if ('name' in by) return netdev.name === by.name || netdev.altNames.includes(by.name);
  return netdev.origin.showsParent === true && netdev.origin.function === by.parent;
}

function selectorText(by: LinkSelector): string {
  return 'index' in by ? `#${by.index}` : 'name' in by ? by.name : by.parent;
}
