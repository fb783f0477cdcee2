import type { Forwarder } from '../forwarder/forwarder.js';
import type { GroupReader } from '../mechanism/vfio/iommu-rules.js';
import type { Clock } from '../ports/clock.js';
import type { PciAddress } from '../ports/pci-address.js';
import type { ResourcePool } from '../resourcepool/resource-pool.js';
import type { Settings } from '../settings/environment/settings.js';
import type { ConfigFollowerParts } from './config-follower.js';
import { followConfig } from './follow-config.js';
import { watchLinks } from './link-watch.js';
import { reportVfio } from './report-vfio.js';

/** What following the node works with. */
export interface FollowNodeParts
  extends Omit<ConfigFollowerParts, 'file' | 'createVfs' | 'noIommuAllowed' | 'onAdded'> {
  readonly settings: Settings;
  readonly pool: ResourcePool;
  readonly reader: GroupReader;
  readonly forwarder: Pick<Forwarder, 'survey'>;
  readonly clock: Clock;
}

/** From now on, until the signal fires, the pool follows the configuration, the number of VFs and the links of PFs. */
export function followNode(parts: FollowNodeParts, signal: AbortSignal): void {
  const { settings, pool, reader, forwarder, log } = parts;
  const { sriovConfigFile: file, createVfs, vfioNoIommu: noIommuAllowed, linkLossHold: holdMs } = settings;
  const onAdded = async (added: readonly PciAddress[]) => {
    await reportVfio(reader, added, log);
    await forwarder.survey(signal);
  };
  void followConfig({ ...parts, file, createVfs, noIommuAllowed, onAdded }, signal);
  const physicalFunctions = () => pool.report().physicalFunctions.map(({ address }) => address);
  if (holdMs !== undefined) void watchLinks({ ...parts, physicalFunctions, holdMs }, signal);
}
