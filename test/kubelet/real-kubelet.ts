import { type ChildProcess, execFile, spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { childrenOf } from './children-of.js';
import { makeControlGroups, removeControlGroups } from './control-groups.js';
import { writeImage } from './image.js';
import { isAnswered } from './is-answered.js';
import {
  containerLog,
  containerOutput,
  endOfEnvironment,
  nodeName,
  type PodWish,
  podManifest,
  writeNodeFiles,
} from './node-files.js';

/** Longer than anything here may take. */
const patienceMs = 60_000;

/** Where the programs of a node are. */
export interface NodePrograms {
  readonly kubelet: string;
  readonly runtime: string;
  /** More programs for the pods' image. */
  readonly programs?: Readonly<Record<string, string>>;
}

interface PodStatus {
  readonly metadata: { readonly name: string };
  readonly status: {
    readonly phase?: string;
    readonly reason?: string;
    readonly message?: string;
    readonly conditions?: readonly { readonly type: string; readonly status: string }[];
  };
}

/** One entry of kubelet's checkpoint: what a container has of a resource. */
export interface CheckpointedDevices {
  readonly podUid: string;
  readonly resource: string;
  readonly ids: readonly string[];
}

/** A real kubelet with a real container runtime and no cluster: pods come from a folder. Needs root. */
export class RealKubelet implements AsyncDisposable {
  readonly root = mkdtempSync(join(tmpdir(), 'kn-'));
  readonly #programs: NodePrograms;
  readonly #controlGroup = `forwarder-kubelet-${randomBytes(4).toString('hex')}`;
  readonly #uids = new Map<string, string>();
  #node: ChildProcess | undefined;
  #initPid = 0;
  #kubelet: ChildProcess | undefined;

  private constructor(programs: NodePrograms) {
    this.#programs = programs;
  }

  /** A node with kubelet up. @throws Error with the log of whatever did not come up */
  static async start(programs: NodePrograms): Promise<RealKubelet> {
    const kubelet = new RealKubelet(programs);
    try {
      await kubelet.#boot();
      await kubelet.start();
    } catch (thrown) {
      await kubelet[Symbol.asyncDispose]();
      throw thrown;
    }
    return kubelet;
  }

  get devicePluginPath(): string {
    return join(this.root, 'lib/kubelet/device-plugins');
  }

  get podResourcesPath(): string {
    return join(this.root, 'lib/kubelet/pod-resources');
  }

  /** Starts kubelet, another version if told, and waits until both of its sockets answer. */
  async start(program = this.#programs.kubelet): Promise<void> {
    const config = ['--config', join(this.root, 'kubelet.json'), '--hostname-override', nodeName];
    const child = this.#spawnInside([program, ...config, '--node-ip', '10.88.0.1', '-v=2'], 'kubelet.log');
    this.#kubelet = child;
    const sockets = [this.devicePluginPath, this.podResourcesPath].map((folder) => join(folder, 'kubelet.sock'));
    await this.until('kubelet answers', async () => {
      if (child.exitCode !== null) throw new Error(`kubelet ended:\n${this.log('kubelet.log')}`);
      return (await Promise.all(sockets.map(isAnswered))).every(Boolean);
    });
  }

  /** Ends kubelet by a signal; containers go on. */
  async stop(signal: 'TERM' | 'KILL' = 'TERM'): Promise<void> {
    const child = this.#kubelet;
    this.#kubelet = undefined;
    if (child?.pid === undefined || child.exitCode !== null) return;
    const ended = new Promise((resolve) => child.once('exit', resolve));
    const [pid] = childrenOf(child.pid);
    if (pid !== undefined) process.kill(pid, `SIG${signal}`);
    await ended;
  }

  async restart(signal: 'TERM' | 'KILL' = 'TERM', program = this.#programs.kubelet): Promise<void> {
    await this.stop(signal);
    await this.start(program);
  }

  /**
   * Starts a pod and waits until its container runs.
   *
   * @returns the container's environment, as its command prints it
   * @throws Error with kubelet's reason and message when it does not admit the pod
   */
  async addPod(wish: PodWish): Promise<Record<string, string>> {
    const uid = this.place(wish);
    const pod = await this.#settled(wish.name);
    if (pod.status.phase === 'Failed') throw new Error(`${pod.status.reason}: ${pod.status.message}`);
    if (wish.command !== undefined) return {};
    const printed = () => containerOutput(this.root, wish.name, uid);
    await this.until(`${wish.name} prints its environment`, () => printed().includes(endOfEnvironment));
    const lines = printed().filter((line) => line.includes('='));
    return Object.fromEntries(
      lines.map((line) => [line.slice(0, line.indexOf('=')), line.slice(line.indexOf('=') + 1)]),
    );
  }

  /** Lets kubelet know of a pod and does not wait. @returns its uid */
  place(wish: PodWish): string {
    const uid = randomUUID();
    this.#uids.set(wish.name, uid);
    const hidden = join(this.root, 'pods', `.${wish.name}`);
    writeFileSync(hidden, podManifest(wish, uid));
    renameSync(hidden, this.#manifest(wish.name));
    return uid;
  }

  /** Deletes a pod: kubelet forgets it, and thinks its devices free, at once; its container ends afterwards. */
  removePod(name: string): void {
    rmSync(this.#manifest(name), { force: true });
  }

  /** Resolves when kubelet no longer knows the pod. */
  async podGone(name: string): Promise<void> {
    await this.until(`${name} is gone`, async () => (await this.#pod(name)) === undefined);
  }

  uidOf(name: string): string | undefined {
    return this.#uids.get(name);
  }

  /** What a pod's container has written so far. */
  output(name: string): string[] {
    return containerOutput(this.root, name, this.#uids.get(name) ?? '');
  }

  /** The same with errors, and with what kubelet puts before each line; the last forty lines. */
  written(name: string): string {
    return containerLog(this.root, name, this.#uids.get(name) ?? '')
      .slice(-40)
      .join('\n');
  }

  /** What kubelet's checkpoint says that containers have. */
  checkpoint(): CheckpointedDevices[] {
    const file = join(this.devicePluginPath, 'kubelet_internal_checkpoint');
    if (!existsSync(file)) return [];
    const { Data } = JSON.parse(readFileSync(file, 'utf8')) as {
      Data: {
        PodDeviceEntries:
          | { PodUID: string; ResourceName: string; DeviceIDs: Record<string, string[]> | string[] }[]
          | null;
      };
    };
    return (Data.PodDeviceEntries ?? []).map(({ PodUID, ResourceName, DeviceIDs }) => ({
      podUid: PodUID,
      resource: ResourceName,
      ids: Object.values(DeviceIDs).flat(),
    }));
  }

  /** Runs a command on the node to its end and returns what it prints. */
  async inside(command: readonly string[]): Promise<string> {
    const { stdout } = await promisify(execFile)('nsenter', this.#entering(command), { env: this.#environment() });
    return stdout;
  }

  log(name: 'kubelet.log' | 'containerd.log' | 'node.log'): string {
    const file = join(this.root, name);
    return existsSync(file) ? readFileSync(file, 'utf8').split('\n').slice(-60).join('\n') : '';
  }

  /**
   * Resolves when the condition holds.
   *
   * @param why - more about it, for when it never does
   * @throws Error with its name when it does not in a minute
   */
  async until(what: string, condition: () => boolean | Promise<boolean>, why = () => ''): Promise<void> {
    const end = Date.now() + patienceMs;
    while (!(await condition())) {
      if (Date.now() > end) throw new Error(`it never became true: ${what}\n${why()}`.trimEnd());
      await setTimeout(50);
    }
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const node = this.#node;
    if (node !== undefined && node.exitCode === null && node.signalCode === null) {
      const ended = new Promise((resolve) => node.once('exit', resolve));
      // Its process 1 takes every process of the node with it.
      process.kill(this.#initPid === 0 ? (node.pid ?? 0) : this.#initPid, 'SIGKILL');
      await ended;
    }
    await removeControlGroups(this.#controlGroup);
    rmSync(this.root, { recursive: true, force: true });
  }

  async #boot(): Promise<void> {
    const { runtime, programs = {} } = this.#programs;
    writeNodeFiles({ root: this.root, runtime, controlGroup: this.#controlGroup });
    makeControlGroups(this.#controlGroup);
    const script = fileURLToPath(new URL('node-init.sh', import.meta.url));
    const alone = ['--pid', '--fork', '--kill-child', '--mount', '--propagation', 'private', '--mount-proc', '--net'];
    const node = this.#spawn(['setpriv', '--pdeathsig', 'KILL', 'unshare', ...alone, 'sh', script], 'node.log');
    this.#node = node;
    await this.until('the container runtime is there', () => {
      if (node.exitCode !== null) throw new Error(`the node ended:\n${this.log('node.log')}`);
      this.#initPid = childrenOf(node.pid ?? 0)[0] ?? 0;
      return this.#initPid !== 0 && existsSync(join(this.root, 'run/containerd/containerd.sock'));
    });
    const busybox = join(runtime, 'bin/busybox');
    const sleep = ['/bin/busybox', 'sleep', '1000000000'];
    await this.#import({ name: 'pause', busybox, entrypoint: sleep });
    await this.#import({ name: 'busybox', busybox, programs, entrypoint: ['/bin/sh'] });
  }

  async #import(image: Parameters<typeof writeImage>[0]): Promise<void> {
    const file = join(this.root, 'images', `${image.name}.tar`);
    writeImage(image, file);
    await this.inside(['ctr', '-n', 'k8s.io', 'images', 'import', file]);
  }

  async #settled(name: string): Promise<PodStatus> {
    let pod: PodStatus | undefined;
    const runsOrNot = async () => {
      pod = await this.#pod(name);
      const ready = pod?.status.conditions?.some(({ type, status }) => type === 'Ready' && status === 'True');
      return ready === true || pod?.status.phase === 'Failed';
    };
    const why = () => `${JSON.stringify(pod?.status)}\n${this.written(name)}`;
    await this.until(`${name} runs or was refused`, runsOrNot, why);
    return pod as PodStatus;
  }

  async #pod(name: string): Promise<PodStatus | undefined> {
    const text = await this.inside(['busybox', 'wget', '-qO-', 'http://127.0.0.1:10255/pods']).catch(() => undefined);
    if (text === undefined) return undefined;
    const { items } = JSON.parse(text) as { items: readonly PodStatus[] | null };
    return items?.find(({ metadata }) => metadata.name === `${name}-${nodeName}`);
  }

  #manifest(name: string): string {
    return join(this.root, 'pods', `${name}.json`);
  }

  #spawnInside(command: readonly string[], log: string): ChildProcess {
    return this.#spawn(['nsenter', ...this.#entering(command)], log);
  }

  #spawn([program = '', ...args]: readonly string[], log: string): ChildProcess {
    const file = openSync(join(this.root, log), 'a');
    try {
      return spawn(program, args, { stdio: ['ignore', file, file], env: this.#environment() });
    } finally {
      closeSync(file);
    }
  }

  #entering(command: readonly string[]): string[] {
    return ['-t', String(this.#initPid), '-m', '-n', '-p', '--', ...command];
  }

  #environment(): NodeJS.ProcessEnv {
    const { runtime } = this.#programs;
    const path = ['usr/bin', 'usr/sbin', 'bin'].map((folder) => join(runtime, folder));
    return { NODE_ROOT: this.root, NODE_RUNTIME: runtime, PATH: [...path, process.env['PATH']].join(':') };
  }
}
