import { randomUUID } from 'node:crypto';
import { expect } from 'chai';
import { parsePciAddress } from '../../src/ports/pci-address.js';
import type { Owner } from '../../src/resourcepool/claim.js';
import { ResourcePool } from '../../src/resourcepool/resource-pool.js';
import { parseTokenId } from '../../src/resourcepool/token-id.js';
import { PluginRig } from './plugin-rig.js';

const SLOW = 'service.domain.1/10G';
const FAST = 'service.domain.1/20G';

/** A PF with two VFs offered under two names. */
function createPool(): ResourcePool {
  const vf = (text: string) => ({ address: parsePciAddress(text), groupHasPhysicalFunction: false });
  const virtualFunctions = [vf('01:00.1'), vf('01:00.2')];
  const physicalFunction = { address: parsePciAddress('01:00.0'), names: [SLOW, FAST], virtualFunctions };
  const catalogue = { physicalFunctions: [physicalFunction] };
  return new ResourcePool(catalogue, () => parseTokenId(`sriov-${randomUUID()}`));
}

describe('the resource pool as an offer to kubelet', () => {
  const environmentName = `NSM_SRIOV_TOKENS_${SLOW}`;
  const wish = { namespace: 'ns', name: 'p', container: 'c', requests: { [SLOW]: 1 } };
  let rig: PluginRig;
  let pool: ResourcePool;
  let token: ReturnType<typeof parseTokenId>;

  beforeEach(async () => {
    rig = await PluginRig.create();
    pool = createPool();
    await rig.kubelet.start();
    await rig.startPlugin(pool);
    await rig.allocatable(SLOW, 2);
    token = parseTokenId((await rig.kubelet.addPod(wish))[environmentName] ?? '');
  });

  afterEach(async () => {
    await rig[Symbol.asyncDispose]();
  });

  it('shows in the other list that a VF of the shared PF is in use, and that it came back', async () => {
    const owner = 'connection' as Owner;
    const claim = pool.claim({ token, owner, driver: 'kernel' });
    await rig.allocatable(FAST, 1);
    expect(rig.kubelet.resource(SLOW)?.allocatable).to.equal(2);
    pool.release(claim.function, owner);
    await rig.allocatable(FAST, 2);
  });

  it('has the same ids with the same pod after the forwarder was killed and began anew', async () => {
    await rig.stopPlugin();
    pool = createPool();
    await rig.startPlugin(pool);
    expect(pool.token(token)?.heldByPod).to.equal(true);
    expect(rig.plugin.owners.get(token)?.pod).to.equal('p');
    await rig.allocatable(SLOW, 2);
    rig.kubelet.removePod('ns', 'p');
    await rig.until(() => pool.token(token)?.heldByPod === false);
  });
});
