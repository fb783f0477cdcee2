import { join } from 'node:path';
import { expect } from 'chai';
import type { Connection } from '../../../apis/generated/connection.js';
import type { CgroupVersion } from '../../../simulation/cgroups/mounted-hierarchy.js';
import type { SimulatedClient, Wish } from '../../../simulation/client.js';
import { deviceStateOf } from './device-state.js';
import { type NodeFixture, useNode } from './node-fixture.js';

/** What the kernel says to a container that may not. */
export const notPermitted = 'Operation not permitted';

/** The pods with a 10G token each. */
const pods = ['pod-0', 'pod-1', 'pod-2', 'pod-3'] as const;

/** A client with the VFIO connection that it asked for. Disposing it ends the client, as a pod's end does. */
export interface Connected extends Disposable {
  readonly client: SimulatedClient;
  readonly connection: Connection;
}

/** A node whose pods are cgroups of this machine, and what their containers come to when they open devices. */
export class DeviceFixture {
  readonly #fixture: NodeFixture;

  constructor(fixture: NodeFixture) {
    this.#fixture = fixture;
  }

  get node() {
    return this.#fixture.node;
  }

  /** A client nobody had before. */
  client(): Promise<SimulatedClient> {
    return this.#fixture.client();
  }

  token(pod = 0): string {
    return this.#fixture.token(pod);
  }

  /** The UID of a pod. */
  uid(pod: number): string {
    return this.node.kubelet.uidOf('default', pods[pod] ?? '');
  }

  container(pod: number) {
    return this.node.container(pods[pod] ?? '');
  }

  /** The pod's container starts again: in another cgroup. */
  async restartContainer(pod: number): Promise<void> {
    await this.node.startContainer(pods[pod] ?? '');
  }

  /** A pod's client asks for VFIO. */
  async connect(pod = 0, wish: Wish = {}): Promise<Connected> {
    const client = await this.client();
    const connection = await client.request({ token: this.token(pod), type: 'VFIO', ...wish });
    return { client, connection, [Symbol.dispose]: () => client[Symbol.dispose]() };
  }

  /** The node of a connection's group. */
  groupNode(connection: Connection): string {
    return join(this.node.vfioFolder, parametersOf(connection)['iommuGroup'] ?? '');
  }

  /** What comes of it when a pod's container opens the group's node. */
  opening(pod: number, connection: Connection): Promise<string> {
    return this.container(pod).open(this.groupNode(connection));
  }

  /** The same when every pod's does. */
  openings(connection: Connection): Promise<readonly string[]> {
    return Promise.all(pods.map((_, pod) => this.opening(pod, connection)));
  }

  /** Everything that a VFIO request could have changed. */
  state() {
    return deviceStateOf(this.node, pods);
  }
}

/** Puts such a node under the tests of the running suite, each of which has to leave everything as it was. */
export function useDevices(cgroups: CgroupVersion, options: Parameters<typeof useNode>[0] = {}): DeviceFixture {
  const fixture = useNode({ cgroups, ...options });
  const devices = new DeviceFixture(fixture);
  let untouched: Awaited<ReturnType<typeof devices.state>>;
  before(async () => {
    untouched = await devices.state();
  });
  afterEach(async () => {
    fixture.node.endpoint.behaviour = { kind: 'agree' };
    expect(await devices.state()).to.deep.equal(untouched);
  });
  return devices;
}

/** The parameters of a connection's mechanism. */
export function parametersOf({ mechanism }: Connection): Readonly<Record<string, string>> {
  return mechanism?.parameters ?? {};
}

/** The VF that a connection has. */
export function vfOf(connection: Connection): string {
  return parametersOf(connection)['pciAddress'] ?? '';
}
