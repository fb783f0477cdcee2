import assert from 'node:assert/strict';
import { join } from 'node:path';
import type { Connection } from '../../apis/generated/connection.js';
import { parsePciAddress } from '../../src/ports/pci-address.js';
import type { Usable } from '../cgroups/usable-cgroups.js';
import { changeMechanism } from '../change-mechanism.js';
import type { SimulatedClient } from '../client.js';
import type { SimulatedNode } from '../node.js';
import { isInstalled } from '../ping.js';
import { type Report, type Rows, Skipped } from './report.js';

const pod = 'vfio-pod';
const neighbour = 'neighbour-pod';
const refused = 'Operation not permitted';

/** Who tells the story, and of what. */
export interface DeviceTelling {
  readonly node: SimulatedNode;
  readonly step: Report['step'];
  readonly signal: AbortSignal;
  readonly usable: Usable;
}

/** A client's VFIO connection from its Request to its Close: who may open the VF's device, and who may not. */
export class DeviceStory {
  readonly #telling: DeviceTelling;

  constructor(telling: DeviceTelling) {
    this.#telling = telling;
  }

  async tell(): Promise<void> {
    const token = await this.#podsStart();
    if (token === undefined) return;
    const client = await this.#telling.node.client('vfio-client');
    const connection = await this.#clientAsks(client, token);
    await this.#podOpens(connection);
    await this.#changes(client, connection);
    await this.#close(client, connection);
  }

  async #podsStart(): Promise<string | undefined> {
    const { node, step, usable } = this.#telling;
    let token: string | undefined;
    await step('VFIO: two more pods, whose containers are cgroups of this machine', async (say) => {
      if ('why' in usable) throw new Skipped(usable.why);
      [token] = await node.admitPod(pod);
      await node.admitPod(neighbour);
      say([
        ['who decides', `cgroup v${usable.version}`],
        ...[pod, neighbour].map((name) => [
          name,
          `process ${node.container(name).pid} in ${node.container(name).cgroup}`,
        ]),
      ]);
    });
    return token;
  }

  async #clientAsks(client: SimulatedClient, token: string): Promise<Connection> {
    const { step, signal } = this.#telling;
    let answer: Connection | undefined;
    await step('One asks for a VFIO connection: a VF goes from its driver to vfio-pci', async (say) => {
      answer = await client.request({ token, type: 'VFIO', signal });
      const { pciAddress = '', iommuGroup = '', vfioMajor, vfioMinor, deviceMajor, deviceMinor } = parametersOf(answer);
      const driver = await this.#driverOf(answer);
      say([
        ['VF', pciAddress],
        ['driver', driver],
        ['IOMMU group', `${iommuGroup}, device ${deviceMajor}:${deviceMinor}`],
        ['VFIO itself', `device ${vfioMajor}:${vfioMinor}`],
      ]);
      assert.deepEqual([answer.mechanism?.type, driver], ['VFIO', 'vfio-pci']);
    });
    assert.ok(answer !== undefined, 'it is there');
    return answer;
  }

  async #podOpens(connection: Connection): Promise<void> {
    const { node, step } = this.#telling;
    await step('It makes a node with these numbers and opens it; the other one may not', async (say) => {
      const { deviceMajor, deviceMinor } = parametersOf(connection);
      const numbers = { major: Number(deviceMajor), minor: Number(deviceMinor) };
      const made = await node.container(pod).makeNode(this.#nodeOfPod, numbers);
      assert.equal(made, 'done');
      say([[pod, 'mknod', made], ...(await this.#openings('done'))]);
    });
  }

  async #changes(client: SimulatedClient, connection: Connection): Promise<void> {
    const { step, signal } = this.#telling;
    await step('The same connection becomes a KERNEL one, and a VFIO one again', async (say) => {
      if (!isInstalled('ip')) throw new Skipped('ip is not installed (Debian package iproute2)');
      await changeMechanism(client, 'KERNEL', signal);
      const { links } = await client.look(signal);
      const link = links.find(({ name }) => name === 'nsm-1');
      say([
        ['KERNEL', `driver ${await this.#driverOf(connection)}, ${link?.name ?? 'no netdev'} in the pod's namespace`],
      ]);
      assert.ok(link !== undefined, 'the netdev is in the pod');
      say(await this.#openings(refused));
      await changeMechanism(client, 'VFIO', signal);
      say([['as VFIO', `driver ${await this.#driverOf(connection)}`]]);
      say(await this.#openings('done'));
    });
  }

  async #close(client: SimulatedClient, connection: Connection): Promise<void> {
    const { node, step, signal } = this.#telling;
    await step('Close: nobody may open it any more, the VF has its driver and its netdev again', async (say) => {
      await client.close({ signal });
      const openings = await this.#openings(refused);
      const vf = parametersOf(connection)['pciAddress'] ?? '';
      const { name, mac } = node.hardware.port(vf);
      const driver = await this.#driverOf(connection);
      const link = await node.hardware.atHome(vf);
      say([
        ...openings,
        ['VF', 'driver', driver],
        ['VF', 'netdev', `${link?.name ?? 'none'}, MAC ${link?.mac ?? 'none'}`],
      ]);
      assert.deepEqual([driver, link?.name, link?.mac], ['igbvf', name, mac]);
      assert.equal(node.endpoint.connections, 0, 'the endpoint has let go');
    });
  }

  /** What comes of it when both pods open the node: the neighbour is refused in any case. */
  async #openings(expected: string): Promise<Rows> {
    const { node } = this.#telling;
    const answers: string[] = [];
    for (const name of [pod, neighbour]) answers.push(await node.container(name).open(this.#nodeOfPod));
    assert.deepEqual(answers, [expected, refused]);
    return [pod, neighbour].map((name, n) => [name, 'open', answers[n] ?? '']);
  }

  get #nodeOfPod(): string {
    return join(this.#telling.node.folder, 'node-of-the-pod');
  }

  async #driverOf(connection: Connection): Promise<string> {
    const vf = parsePciAddress(parametersOf(connection)['pciAddress'] ?? '');
    return (await this.#telling.node.hardware.tree.driver(vf)) ?? 'none';
  }
}

function parametersOf({ mechanism }: Connection): Readonly<Record<string, string>> {
  return mechanism?.parameters ?? {};
}
