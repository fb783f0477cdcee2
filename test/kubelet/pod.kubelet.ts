import { realpathSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { Cleanup } from '../../simulation/cleanup.js';
import { WorkloadApi } from '../../simulation/workload-api.js';
import { DaemonOnNode } from './daemon-on-node.js';
import { requireKubelet } from './support.js';

const root = fileURLToPath(new URL('../..', import.meta.url));

/** What the program in the pod says. */
interface Said {
  readonly connected?: string;
  readonly failed?: string;
  readonly token?: string;
}

describe('a real pod with a client in it', function () {
  this.timeout(240_000);
  const cleanup = new Cleanup();
  let on: DaemonOnNode;

  before(async function () {
    requireKubelet(this);
    on = cleanup.use(await DaemonOnNode.start(2, { NSM_POD_GONE_GRACE: '1s' }));
  });

  after(async () => {
    await cleanup[Symbol.asyncDispose]();
  });

  /**
   * Folders of the machine with all that a program of the clone needs, its libraries included where they are only linked
   * to; the outer one of two that are one in the other.
   */
  function folders(): Record<string, string> {
    const libraries = realpathSync(join(root, 'node_modules'));
    const wanted = ['/usr', '/lib', '/lib64', dirname(dirname(process.execPath)), root, libraries, on.node.folder];
    const own = wanted.filter((path) => !wanted.some((other) => other !== path && path.startsWith(`${other}/`)));
    return Object.fromEntries([...new Set(own)].map((path) => [path, path]));
  }

  async function startClient(pod: string): Promise<string> {
    const address = `unix://${join(on.node.folder, `${pod}.sock`)}`;
    cleanup.use(await WorkloadApi.start(address, await on.node.issue(`/ns/default/pod/${pod}`)));
    await on.kubelet.addPod({
      name: pod,
      requests: { [on.resource]: 1 },
      command: [process.execPath, '--import', 'tsx', join(root, 'test/kubelet/pod-program.ts')],
      workingDir: root,
      env: {
        FORWARDER: on.url,
        NETWORK_SERVICE: on.node.networkService,
        SPIFFE_ENDPOINT_SOCKET: address,
      },
      mounts: folders(),
    });
    const said = () => on.kubelet.output(pod).findLast((line) => line.startsWith('{'));
    const why = () => on.kubelet.written(pod);
    await on.kubelet.until(`${pod} says something`, () => said() !== undefined, why);
    const { connected, failed, token } = JSON.parse(said() ?? '') as Said;
    expect(failed).to.equal(undefined);
    expect(await on.harness.held(on.resource)).to.include(token);
    return connected ?? '';
  }

  const atHome = (vf: string) => on.node.hardware.atHome(vf);

  it('gets its KERNEL connection with the token of its environment, and what it leaves unclosed comes home', async () => {
    const vf = await startClient('client-1');
    expect(await atHome(vf)).to.equal(undefined);
    on.kubelet.removePod('client-1');
    await on.kubelet.podGone('client-1');
    const since = Date.now();
    await on.kubelet.until('the VF is home', async () => (await atHome(vf)) !== undefined);
    console.log(`      VF home ${Date.now() - since} ms after kubelet forgot the pod, 1 s of it the grace`);
    expect(on.node.daemon.lines.join('\n')).to.contain('the pod of these connections is gone');
  });

  it('leaves its VF to the next pod that gets the token', async () => {
    const vfs = new Set<string>();
    for (const pod of ['client-2', 'client-3', 'client-4']) {
      vfs.add(await startClient(pod));
      on.kubelet.removePod(pod);
      await on.kubelet.podGone(pod);
    }
    expect([...vfs].every((vf) => vf !== '')).to.equal(true);
    await on.kubelet.until('all VFs are home', async () => {
      const homes = await Promise.all([...vfs].map(atHome));
      return homes.every((home) => home !== undefined);
    });
  });
});
