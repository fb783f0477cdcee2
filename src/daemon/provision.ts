import { physicalFunctionIndex } from '../mechanism/kernel/vf-settings.js';
import { ForwarderError, toForwarderError } from '../ports/error.js';
import type { Namespaces } from '../ports/links.js';
import type { Log } from '../ports/log.js';
import type { PciBus, Provisioning } from '../ports/pci-bus.js';
import type { PciConfig, PhysicalFunctionConfig } from '../settings/pci-config/pci-config.js';

interface Parts {
  readonly provisioning: Provisioning;
  readonly pci: PciBus;
  readonly namespaces: Namespaces;
  /** NSM_CREATE_VFS: what a PF gets whose configuration names no number. */
  readonly createVfs: 'max' | 'none';
  readonly log: Log;
}

/**
 * Gives VFs to the PFs that have none. A PF that has some keeps them, whatever their number.
 *
 * @throws ForwarderError naming the PF when it is missing, has no SR-IOV or refuses
 */
export async function provision(config: PciConfig, parts: Parts, signal: AbortSignal): Promise<void> {
  for (const pf of config.physicalFunctions) {
    try {
      await provisionOne(pf, parts, signal);
    } catch (thrown) {
      const error = toForwarderError(thrown);
      throw new ForwarderError(error.kind, `${pf.where}: ${error.message}`, { cause: error, details: error.details });
    }
  }
}

async function provisionOne(pf: PhysicalFunctionConfig, parts: Parts, signal: AbortSignal): Promise<void> {
  const { provisioning, createVfs, log } = parts;
  const { current, total } = await provisioning.vfCount(pf.address);
  const wanted = pf.numVfs ?? (createVfs === 'max' ? total : 0);
  if (current > 0) {
    if (pf.numVfs !== undefined && pf.numVfs !== current) {
      log.warn('PF has another number of VFs than configured, it is left alone', {
        physicalFunction: pf.address,
        vfs: current,
        configured: pf.numVfs,
      });
    }
    return;
  }
  if (wanted === 0) {
    log.warn('PF has no VFs and gets none', { physicalFunction: pf.address, createVfs });
    return;
  }
  await bringUp(pf, parts, signal);
  log.info('creating VFs', { physicalFunction: pf.address, vfs: wanted, possible: total });
  await provisioning.createVfs(pf.address, wanted, signal);
}

/**
 * Brings the PF's netdev up: VFs made below a PF that is down come without MAC and link with some drivers (igb). A PF
 * without a netdev may still make VFs, so failing is told and no more.
 */
async function bringUp(pf: PhysicalFunctionConfig, parts: Parts, signal: AbortSignal): Promise<void> {
  try {
    const index = await physicalFunctionIndex(parts, pf.address, signal);
    await parts.namespaces.home.links.change(index, { up: true }, signal);
  } catch (thrown) {
    signal.throwIfAborted();
    const reason = toForwarderError(thrown).message;
    parts.log.warn('PF could not be brought up before its VFs are made', { physicalFunction: pf.address, reason });
  }
}
