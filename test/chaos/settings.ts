import type { ConnectionContext } from '../../apis/generated/connectioncontext.js';
import { addresses } from '../forwarder/simulated-endpoint.js';
import type { SimulatedForwarderOptions } from '../forwarder/simulated-forwarder.js';
import type { StartOptions } from '../forwarder/simulated-process.js';
import { igb, plainDriver } from '../sim/driver-quirks.js';

/** A node, what an endpoint answers there, and how a successor is started. */
export interface Setting {
  readonly title: string;
  readonly node: SimulatedForwarderOptions;
  /** How the client is served, if not by KERNEL. */
  readonly type?: 'VFIO';
  readonly first: Partial<ConnectionContext>;
  /** For a refresh that the netdev takes where it is. */
  readonly later: Partial<ConnectionContext>;
  readonly successor: StartOptions;
  /** Another client that is connected all the time and that nothing may touch. */
  readonly bystander?: 'of the same pod' | 'of another pod';
}

const policy = { from: '10.0.0.1/32', proto: '6', dstPort: '80', srcPort: '', routes: [] };
const plain = { ipContext: addresses('10.0.0.1/32', '10.0.0.2/32') };
const other = { ipContext: addresses('10.0.0.9/32', '10.0.0.2/32'), MTU: 1400 };
const macAndVlan = { srcMac: '02:00:00:00:00:01', dstMac: '', vlanTag: 100 };

export const base: Setting = {
  title: 'a plain driver, policies',
  node: { pf: { quirks: plainDriver } },
  first: { ipContext: addresses('10.0.0.1/32', '10.0.0.2/32', { policies: [policy] }) },
  later: {
    ipContext: addresses('10.0.0.9/32', '10.0.0.8/32', { policies: [{ ...policy, dstPort: '443' }] }),
    MTU: 1400,
  },
  successor: {},
};

/** A client of VFIO, on a node with cgroup v2, where rules tell who made them. */
export const device: Setting = {
  title: 'VFIO',
  type: 'VFIO',
  node: { pf: { quirks: igb } },
  first: { ethernetContext: macAndVlan },
  later: { ethernetContext: { ...macAndVlan, vlanTag: 200 } },
  successor: {},
};

export const settings: readonly Setting[] = [
  base,
  device,
  {
    title: 'VFIO, cgroup v1',
    type: 'VFIO',
    node: { pf: { quirks: plainDriver }, cgroups: 1 },
    first: {},
    later: { ethernetContext: macAndVlan },
    successor: {},
  },
  {
    title: 'VFIO, another client of another pod',
    type: 'VFIO',
    node: { pf: { quirks: igb } },
    first: {},
    later: { ethernetContext: macAndVlan },
    successor: { name: 'successor', kubeletAway: true },
    bystander: 'of another pod',
  },
  {
    title: 'MAC and VLAN through the PF, driver bound anew (igb)',
    node: { pf: { quirks: igb } },
    first: { ...plain, ethernetContext: macAndVlan, MTU: 1400 },
    later: { ...other, ethernetContext: macAndVlan },
    successor: {},
  },
  {
    title: 'the same, nothing is reset',
    node: { pf: { quirks: igb }, resetVfs: false },
    first: { ...plain, ethernetContext: macAndVlan, MTU: 1400 },
    later: { ...other, ethernetContext: macAndVlan },
    successor: {},
  },
  {
    title: 'the wrong driver at first',
    node: { pf: { quirks: plainDriver, autoprobe: false } },
    first: plain,
    later: other,
    successor: {},
  },
  {
    title: 'VFs that do not tell the function behind them',
    node: { pf: { quirks: { ...plainDriver, resettable: false } }, simulatedVfs: true },
    first: plain,
    later: other,
    successor: {},
  },
  {
    title: 'namespaces that cannot be found',
    node: { pf: { quirks: plainDriver }, clientsSeen: false },
    first: plain,
    later: other,
    successor: {},
  },
  {
    title: 'another client of the same pod',
    node: { pf: { quirks: plainDriver } },
    first: base.first,
    later: base.later,
    successor: {},
    bystander: 'of the same pod',
  },
  {
    title: 'another client, a successor with another name, kubelet away',
    node: { pf: { quirks: igb } },
    first: { ...plain, ethernetContext: macAndVlan },
    later: { ...other, ethernetContext: macAndVlan },
    successor: { name: 'successor', kubeletAway: true },
    bystander: 'of another pod',
  },
];
