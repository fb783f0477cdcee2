import { ForwarderError } from '../../src/ports/error.js';
import type { Mac } from '../../src/ports/links.js';
import type { PciAddress } from '../../src/ports/pci-address.js';
import type { Background } from './background.js';
import type { NetdevOrigin } from './netdev.js';
import type { SimNamespace } from './network-namespace.js';
import { noMac, type SimPf, type SimVf } from './pci-function.js';

/** What a {@link NetdevMaker} needs to know of the node. */
export interface MakerParts {
  readonly home: SimNamespace;
  readonly background: Background;
  /** VFs whose netdevs do not tell the function behind them. */
  readonly simulatedVfs: boolean;
  readonly renameNeedsDown: boolean;
}

/** Makes and removes the netdevs of PCI functions as their drivers do: at home, under a name of the kernel's choice. */
export class NetdevMaker {
  readonly #parts: MakerParts;
  #macs = 0;

  constructor(parts: MakerParts) {
    this.#parts = parts;
  }

  /** A PF's own netdev, up. */
  ofPf(pf: SimPf, name?: string): void {
    this.port(pf, { ...(name !== undefined && { name }) });
  }

  /** One more netdev of a PF: an uplink, a representor. */
  port(pf: SimPf, { name, ...port }: { name?: string; physPortName?: string; devPort?: number }): void {
    const { home } = this.#parts;
    const origin = { ...this.#origin(pf.address, pf.quirks.maxMtu), showsParent: true, port };
    const mac = this.#randomMac();
    pf.netdevs.push(home.create(origin, { name: name ?? home.freeName('eth'), mac, mtu: 1500, up: true }));
  }

  /** All netdevs of a PF vanish. */
  removeOfPf(pf: SimPf): void {
    for (const netdev of pf.netdevs.splice(0)) netdev.namespace.release(netdev);
  }

  /** A VF's netdev, new: down, and with a random MAC unless its PF has set one. */
  ofVf(vf: SimVf): void {
    if (!vf.pf.quirks.lateNetdev) this.#register(vf);
    else {
      this.#parts.background.start(`${vf.driver} registers the netdev of ${vf.address}`, () => {
        if (vf.driver === vf.pf.vfDriver && vf.netdev === undefined) this.#register(vf);
      });
    }
  }

  /** The netdev vanishes from wherever it is. */
  removeOfVf(vf: SimVf): void {
    vf.netdev?.namespace.release(vf.netdev);
    vf.netdev = undefined;
  }

  /** A virtual link, which no driver stands behind. */
  virtual(namespace: SimNamespace, name: string): void {
    const origin = { maxMtu: 65_535, renameNeedsDown: this.#parts.renameNeedsDown };
    namespace.create(origin, { name, mac: this.#randomMac(), mtu: 1500, up: false });
  }

  #register(vf: SimVf): void {
    const { home, simulatedVfs } = this.#parts;
    const { guardsMac, maxMtu } = vf.pf.quirks;
    const origin: NetdevOrigin = {
      ...this.#origin(vf.address, maxMtu),
      showsParent: !simulatedVfs,
      ...(guardsMac && { checkMac: (mac: Mac) => checkAdminMac(vf, mac) }),
    };
    const mac = vf.settings.mac === noMac ? this.#randomMac() : vf.settings.mac;
    vf.netdev = home.create(origin, { name: home.freeName('eth'), mac, mtu: 1500, up: false });
  }

  #origin(address: PciAddress, maxMtu: number): NetdevOrigin {
    return { function: address, maxMtu, renameNeedsDown: this.#parts.renameNeedsDown };
  }

  /** Random to the eye, the same in every run. */
  #randomMac(): Mac {
    this.#macs += 1;
    const digits = ((this.#macs * 0x9e3779b1) >>> 8).toString(16).padStart(6, '0');
    return `02:5a:11:${digits.replace(/..(?=.)/g, '$&:')}` as Mac;
  }
}

/** The PF of an untrusted VF takes no other MAC than its own choice; the driver reports that as EADDRNOTAVAIL. */
function checkAdminMac(vf: SimVf, mac: Mac): void {
  const { mac: adminMac, trust } = vf.settings;
  if (trust || adminMac === noMac || mac === adminMac || mac === vf.netdev?.mac) return;
  throw new ForwarderError('denied', `cannot give ${mac} to VF ${vf.address}: its PF has set ${adminMac}`);
}
