import type { PciAddress } from '../../src/ports/pci-address.js';
import type { FunctionNetdev } from '../../src/ports/pci-bus.js';

/**
 * Which functions share an IOMMU group: none (each alone, as behind a port with ACS), a PF and all its VFs, or there is
 * no IOMMU, or none and yet VFIO serves without (`made-up`: a function is in a group of its own while vfio-pci has it).
 * A function decides for itself: of the VF's number, or undefined for the PF.
 */
export type Grouping = 'separate' | 'shared' | 'none' | 'made-up' | ((vf: number | undefined) => number | undefined);

/** A PF to simulate. */
export interface SimulatedPf {
  /** In any accepted form, domains of more than four digits included. */
  readonly address: string;
  readonly totalVfs: number;
  /** VFs there from the start; none unless told. */
  readonly vfs?: number;
  /** `igb` unless told. */
  readonly driver?: string;
  /** `igbvf` unless told. */
  readonly vfDriver?: string;
  /** As an 82576 places them unless told: 128 routing ids on, two apart. */
  readonly vfAddress?: (vf: number) => string;
  readonly groups?: Grouping;
  /** -1, unknown, unless told. */
  readonly numaNode?: number;
  /** How its functions can be reset, as `reset_method` lists it (`flr bus`); unless told, they cannot. */
  readonly resetMethods?: string;
}

/** A simulated function as hooks see it. */
export interface SimulatedFunction {
  readonly address: PciAddress;
  /** Of a VF: its PF, and its number there. */
  readonly physicalFunction?: PciAddress;
  readonly vf?: number;
}

/** What else happens when a driver comes or goes: the embedder makes, moves and removes real netdevs here. */
export interface BindingHooks {
  /** Returns the netdevs that `net/` shows from now on; undefined for a driver that makes none. */
  onBind?(fn: SimulatedFunction, driver: string): Promise<readonly FunctionNetdev[] | undefined>;
  onUnbind?(fn: SimulatedFunction, driver: string): Promise<void>;
  /** Only for writes past the file system: an ordinary file has nobody to tell. */
  onReset?(fn: SimulatedFunction): Promise<void>;
}

/** A simulated tree to make. */
export interface PciTreeOptions {
  readonly physicalFunctions: readonly SimulatedPf[];
  /** Registered beside those of the functions: they take what `driver_override` gives them. `vfio-pci` unless told. */
  readonly drivers?: readonly string[];
  readonly hooks?: BindingHooks;
  /** The folder to make the tree in; the system's folder for temporary files unless told. */
  readonly parent?: string;
}
