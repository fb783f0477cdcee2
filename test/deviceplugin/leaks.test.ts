import { readdirSync } from 'node:fs';
import { expect } from 'chai';
import { ModelOffer } from './model-offer.js';
import { PluginRig } from './plugin-rig.js';

const NAMES = ['service.domain.1/10G', 'service.domain.1/20G', 'service.domain.2/10G'];

function descriptors(): number {
  return readdirSync('/proc/self/fd').length;
}

function handles(): string[] {
  return process
    .getActiveResourcesInfo()
    .filter((kind) => !/^(Immediate|TickObject)$/.test(kind))
    .sort();
}

describe('the device plugin leaves nothing open', () => {
  async function life(restarts: number): Promise<void> {
    await using rig = await PluginRig.create();
    await rig.kubelet.start();
    await rig.startPlugin(new ModelOffer(Object.fromEntries(NAMES.map((name) => [name, 4]))), 200);
    for (let n = 0; n <= restarts; n++) {
      for (const name of NAMES) await rig.allocatable(name, 4);
      if (n < restarts) await rig.kubelet.restart(n % 2 === 0 ? 'KILL' : 'TERM');
    }
  }

  it('no descriptor and no timer after a life with ten restarts of kubelet', async () => {
    await life(1);
    const before = { descriptors: descriptors(), handles: handles() };
    await life(10);
    expect({ descriptors: descriptors(), handles: handles() }).to.deep.equal(before);
  });
});
