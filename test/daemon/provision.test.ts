import { expect } from 'chai';
import { provision } from '../../src/daemon/provision.js';
import type { Log } from '../../src/ports/log.js';
import { parsePciConfig } from '../../src/settings/pci-config/read-pci-config.js';
import { failing, never } from '../sim/expectations.js';
import { SimNode } from '../sim/node.js';

const pf = '0000:01:00.0';

/** A log that keeps its warnings. */
function warningsOnly(): { log: Log; warnings: string[] } {
  const warnings: string[] = [];
  const log: Log = {
    debug: () => undefined,
    info: () => undefined,
    warn: (message) => void warnings.push(message),
    error: () => undefined,
    with: () => log,
  };
  return { log, warnings };
}

async function provisioned(node: SimNode, options: { address?: string; numVFs?: number; createVfs?: 'max' | 'none' }) {
  const { address = pf, numVFs, createVfs = 'max' } = options;
  const more = numVFs === undefined ? '' : `, numVFs: ${numVFs}`;
  const text = `physicalFunctions:\n  ${address}: {pfKernelDriver: igb, vfKernelDriver: igbvf, capabilities: [10G], serviceDomains: [worker.domain]${more}}\n`;
  const config = parsePciConfig(text, 'pci.config');
  if (!config.ok) throw config.error;
  const { log, warnings } = warningsOnly();
  const { provisioning, bus: pci, namespaces } = node;
  await provision(config.value, { provisioning, pci, namespaces, createVfs, log }, never);
  return warnings;
}

const vfsOf = async (node: SimNode) => (await node.provisioning.vfCount(pf as never)).current;

describe('provisioning at start', () => {
  const bare = () => new SimNode({ pfs: [{ address: pf, name: 'pf0', vfs: 0, totalVfs: 6 }] });

  it('P8, B32: gives a PF without VFs the number that the configuration asks for', async () => {
    const node = bare();
    await provisioned(node, { numVFs: 2 });
    expect(await vfsOf(node)).to.equal(2);
  });

  it('gives it as many as it has when nothing is asked for, as the setting says', async () => {
    const node = bare();
    await provisioned(node, {});
    expect(await vfsOf(node)).to.equal(6);
  });

  it('P8: gives it none when the setting says none, and says so', async () => {
    const node = bare();
    expect(await provisioned(node, { createVfs: 'none' })).to.deep.equal(['PF has no VFs and gets none']);
    expect(await vfsOf(node)).to.equal(0);
  });

  it('brings the PF up first: VFs made below one that is down have no MAC', async () => {
    const node = bare();
    await provisioned(node, { numVFs: 2 });
    expect(node.faults.calls.filter((call) => /^(links\.change|provisioning\.createVfs)/.test(call))).to.have.lengthOf(
      2,
    );
    expect((await node.namespaces.home.links.find({ name: 'pf0' }, never))?.up).to.equal(true);
  });

  it('B32: leaves a PF that has VFs alone, and says so when the configuration wants another number', async () => {
    const node = new SimNode({ pfs: [{ address: pf, name: 'pf0', vfs: 3 }] });
    const warnings = await provisioned(node, { numVFs: 5 });
    expect(warnings).to.deep.equal(['PF has another number of VFs than configured, it is left alone']);
    expect(await vfsOf(node)).to.equal(3);
  });

  it('names the place in the configuration of a PF that is not there', async () => {
    const error = await failing('not-found', provisioned(bare(), { address: '0000:ff:00.0' }));
    expect(error.message).to.match(/^pci\.config:2:3: .*0000:ff:00\.0/);
  });
});
