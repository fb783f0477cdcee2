import assert from 'node:assert/strict';
import type { Connection } from '../../apis/generated/connection.js';
import { ForwarderError } from '../../src/ports/error.js';
import type { Link } from '../../src/ports/links.js';
import type { Usable } from '../cgroups/usable-cgroups.js';
import type { SimulatedClient } from '../client.js';
import { emptyContext } from '../messages.js';
import type { SeenLink } from '../network/look.js';
import type { SimulatedNode } from '../node.js';
import { isInstalled, ping } from '../ping.js';
import { DeviceStory } from './device-story.js';
import { type Report, Skipped } from './report.js';

const mtu = 1400;

/** Who tells the story, and of what. */
export interface Telling {
  readonly node: SimulatedNode;
  readonly report: Report;
  readonly signal: AbortSignal;
  /** Whether the node can serve VFIO. */
  readonly usable: Usable;
}

/** One client's connection from its Request to its Close, told step by step, and then another one's. */
export class Story {
  readonly #node: SimulatedNode;
  readonly #report: Report;
  readonly #signal: AbortSignal;
  readonly #usable: Usable;

  constructor({ node, report, signal, usable }: Telling) {
    this.#node = node;
    this.#report = report;
    this.#signal = signal;
    this.#usable = usable;
  }

  async tell(): Promise<void> {
    await this.#cards();
    await this.#daemonStarts();
    await this.#kubeletSees();
    const token = await this.#podGetsToken();
    const client = await this.#node.client('demo-client');
    const connection = await this.#clientAsks(client, token);
    const vf = connection.mechanism?.parameters['pciAddress'] ?? '';
    await this.#lookInside(client, connection);
    await this.#pingThrough(client, connection, vf);
    await this.#refresh(client);
    await this.#refusal();
    await this.#close(client, vf);
    await this.#tellOfVfio();
    await this.#daemonEnds();
  }

  async #tellOfVfio(): Promise<void> {
    const step: Report['step'] = (title, work) => this.#step(title, work);
    await new DeviceStory({ node: this.#node, step, signal: this.#signal, usable: this.#usable }).tell();
  }

  async #step(title: string, work: Parameters<Report['step']>[1]): Promise<void> {
    this.#signal.throwIfAborted();
    await this.#report.step(title, work);
  }

  async #cards(): Promise<void> {
    await this.#step('A node with an SR-IOV card; its VFs are real links of this kernel', async (say) => {
      const { ports } = this.#node.hardware;
      const rows = await Promise.all(ports.map((port) => this.#node.hardware.atHome(port.function)));
      say([
        ['function', 'netdev', 'MAC', 'MTU'],
        ...rows.map((link, i) => [ports[i]?.function ?? '', link?.name ?? '', link?.mac ?? '', `${link?.mtu}`]),
      ]);
      assert.equal(rows.filter(Boolean).length, ports.length, 'every netdev is at home');
    });
  }

  async #daemonStarts(): Promise<void> {
    await this.#step('The forwarder starts, as a process of its own', async (say) => {
      const daemon = await this.#node.startDaemon(this.#signal);
      const phases = daemon.lines.map(messageOf).filter((text) => /^(phase|startup)/.test(text));
      say([['process', `${daemon.pid}`], ...phases.map((phase) => ['log', phase])]);
      say([['registry', this.#node.registry.names.join(', ')]]);
    });
  }

  async #kubeletSees(): Promise<void> {
    await this.#step('Kubelet sees the VFs as a resource', async (say) => {
      for (const name of this.#node.resources) {
        const count = this.#node.kubelet.resource(name);
        say([['resource', name, `${count?.allocatable} of ${count?.capacity} allocatable`]]);
        assert.equal(count?.allocatable, this.#node.hardware.ports.length - 1);
      }
    });
  }

  async #podGetsToken(): Promise<string> {
    const [resource = ''] = this.#node.resources;
    let token = '';
    await this.#step('A pod asks for one and gets a token in its environment', async (say) => {
      [token = ''] = await this.#node.admitPod('demo-pod', [resource]);
      say([[`NSM_SRIOV_TOKENS_${resource}=${token}`]]);
      assert.match(token, /^sriov-/);
    });
    return token;
  }

  async #clientAsks(client: SimulatedClient, token: string): Promise<Connection> {
    let answer: Connection | undefined;
    await this.#step('The pod asks for a KERNEL connection: mutual TLS, its namespace as a descriptor', async (say) => {
      const context = { ...emptyContext, MTU: mtu };
      answer = await client.request({ token, context, interfaceName: 'nsm-1', signal: this.#signal });
      const { parameters = {} } = answer.mechanism ?? {};
      say([
        ['wished', `interface nsm-1, MTU ${mtu}, network service ${answer.networkService}`],
        ['endpoint', answer.networkServiceEndpointName],
        ['path', answer.path?.pathSegments.map(({ name }) => name).join(' > ') ?? ''],
        ['VF', parameters['pciAddress'] ?? 'none'],
        ['namespace', parameters['inodeURL'] ?? 'none'],
      ]);
      assert.equal(answer.mechanism?.type, 'KERNEL');
    });
    return required(answer);
  }

  async #lookInside(client: SimulatedClient, { context, mechanism }: Connection): Promise<void> {
    await this.#step("A look inside the pod's namespace, with ip(8)", async (say) => {
      const seen = await this.#look(client);
      const link = required(seen.links.find(({ name }) => name === 'nsm-1'));
      say([...linkRows(link), ['routes', seen.routes.join(', ')]]);
      const vf = this.#node.hardware.port(mechanism?.parameters['pciAddress'] ?? '');
      const { srcIpAddrs = [], srcRoutes = [] } = context?.ipContext ?? {};
      assert.deepEqual(link, { ...link, mac: vf.mac, mtu, up: true, addresses: [...srcIpAddrs].sort() });
      for (const { prefix } of srcRoutes) {
        assert.ok(
          seen.routes.some((route) => route.startsWith(`${prefix.replace(/\/32$/, '')} dev nsm-1`)),
          prefix,
        );
      }
    });
  }

  async #pingThrough(client: SimulatedClient, { context }: Connection, vf: string): Promise<void> {
    await this.#step('A ping through the VF to the other end of its wire', async (say) => {
      if (!isInstalled('ping')) throw new Skipped('ping is not installed (Debian package iputils-ping)');
      const { srcIpAddrs: peers = [], dstIpAddrs: own = [] } = context?.ipContext ?? {};
      await this.#node.hardware.connectFarEnd(vf, { own, peers }, this.#signal);
      for (const address of own) {
        const answer = await ping(client.namespace, address.split('/')[0] ?? '', this.#signal);
        say([['answer', answer]]);
      }
    });
  }

  async #refresh(client: SimulatedClient): Promise<void> {
    await this.#step('A refresh: the endpoint adds an address and a route, the VF stays where it is', async (say) => {
      this.#node.endpoint.behaviour = {
        kind: 'agree',
        context: (usual) => ({ ...usual, MTU: mtu, ipContext: withMore(usual.ipContext) }),
      };
      const end = (it: Connection | undefined) => it?.path?.pathSegments[1]?.expires?.seconds ?? 0;
      const before = end(client.connection);
      const answer = await client.request({ signal: this.#signal });
      assert.ok(before > 0 && end(answer) >= before, 'its token is good for as long again');
      const seen = await this.#look(client);
      const link = required(seen.links.find(({ name }) => name === 'nsm-1'));
      say([
        ['addresses', link.addresses.join(', ')],
        ['routes', seen.routes.join(', ')],
      ]);
      assert.ok(link.addresses.includes('10.9.0.1/24'));
      assert.ok(seen.routes.includes('10.10.0.0/16 via 10.9.0.254 dev nsm-1'));
    });
  }

  async #refusal(): Promise<void> {
    await this.#step('A bad request: another pod wants its interface called eth0, which it has', async (say) => {
      const client = await this.#node.client('careless-client');
      await this.#node.plugIn(client, { name: 'eth0', address: '192.0.2.7/24' }, this.#signal);
      const [token] = await this.#node.admitPod('careless-pod');
      const before = await this.#look(client);
      const error = await client.request({ token, interfaceName: 'eth0', signal: this.#signal }).then(
        () => undefined,
        (thrown: unknown) => thrown,
      );
      assert.ok(error instanceof ForwarderError, 'the request is refused');
      const after = await this.#look(client);
      say([
        ['status', String(error.details['grpcCode'])],
        ['message', error.message],
        ['eth0', `${after.links.find(({ name }) => name === 'eth0')?.addresses.join(', ')}, untouched`],
      ]);
      assert.equal(error.kind, 'exists');
      assert.deepEqual(after, before, 'nothing has changed');
    });
  }

  async #close(client: SimulatedClient, vf: string): Promise<void> {
    await this.#step('Close: the VF comes home as it was', async (say) => {
      const { name, mac } = this.#node.hardware.port(vf);
      await client.close({ signal: this.#signal });
      const link = required<Link>(await this.#node.hardware.atHome(vf));
      say([
        ['VF', vf],
        ['name', link.name],
        ['MAC', link.mac],
        ['MTU', `${link.mtu}`],
        ['state', link.up ? 'up' : 'down'],
      ]);
      assert.deepEqual({ ...link, index: 0 }, { index: 0, name, altNames: [], mac, mtu: 1500, up: false });
      assert.equal(this.#node.endpoint.connections, 0, 'the endpoint has let go');
    });
  }

  async #daemonEnds(): Promise<void> {
    await this.#step('The forwarder is told to end (SIGTERM)', async (say) => {
      const end = await this.#node.daemon.stop();
      const registered = this.#node.registry.names.includes(this.#node.daemonName);
      say([
        ['exit status', `${end.code}`],
        ['registry', registered ? 'still lists it' : 'no longer lists it'],
      ]);
      assert.deepEqual(end, { code: 0, signal: null });
      assert.equal(registered, false);
    });
  }

  #look(client: SimulatedClient) {
    if (!isInstalled('ip')) throw new Skipped('ip is not installed (Debian package iproute2)');
    return client.look(this.#signal);
  }
}

function linkRows(link: SeenLink) {
  return [
    ['name', link.name],
    ['MAC', link.mac],
    ['MTU', `${link.mtu}`],
    ['state', link.up ? 'up' : 'down'],
    ['addresses', link.addresses.join(', ')],
  ];
}

function withMore<T extends { srcIpAddrs: string[]; srcRoutes: { prefix: string; nextHop: string }[] }>(
  usual: T | undefined,
): T | undefined {
  if (usual === undefined) return undefined;
  return {
    ...usual,
    srcIpAddrs: [...usual.srcIpAddrs, '10.9.0.1/24'],
    srcRoutes: [...usual.srcRoutes, { prefix: '10.10.0.0/16', nextHop: '10.9.0.254' }],
  };
}

function messageOf(line: string): string {
  try {
    return String((JSON.parse(line) as { msg?: unknown }).msg ?? '');
  } catch {
    return '';
  }
}

function required<T>(value: T | undefined): T {
  assert.ok(value !== undefined, 'it is there');
  return value;
}
