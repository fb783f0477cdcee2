import { mkdir, mkdtemp, rm, rmdir, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { PodUid } from '../../src/ports/pod-cgroup.js';
import { podFolders } from '../../src/ports/pod-cgroup.js';
import { output } from './commands.js';
import { cgroupsV2 } from './device-cgroups.js';
import { VfioUser, vfioProgram } from './vfio-user.js';

/** Where runc keeps what it knows. */
const state = '/run/runc';

/**
 * A container of a pod as containerd would have runc make it: namespaces of its own, its cgroup in kubelet's layout, runc's
 * own device program. Inside runs a {@link VfioUser} on the machine's files.
 */
export class RuncContainer implements AsyncDisposable {
  readonly #id: string;
  readonly #bundle: string;
  readonly #cgroup: string;
  #user: VfioUser | undefined;

  private constructor(id: string, bundle: string, cgroup: string) {
    this.#id = id;
    this.#bundle = bundle;
    this.#cgroup = cgroup;
  }

  static async create(pod: PodUid): Promise<RuncContainer> {
    const bundle = await mkdtemp(join(tmpdir(), 'bundle-'));
    const id = 'main';
    const cgroup = `/kubepods/${podFolders('kubepods', pod)[1]}/${id}`;
    await mkdir(join(bundle, 'rootfs'));
    await output('mount', '--bind', '/', join(bundle, 'rootfs'));
    await writeFile(join(bundle, 'config.json'), JSON.stringify(specification(cgroup)));
    return new RuncContainer(id, bundle, cgroup);
  }

  /** The program inside. @throws Error before it was started */
  get user(): VfioUser {
    if (this.#user === undefined) throw new Error('the container was not started');
    return this.#user;
  }

  /** Its cgroup in the file system. */
  get folder(): string {
    return join(cgroupsV2.root, this.#cgroup);
  }

  async start(): Promise<void> {
    this.#user = await VfioUser.startBy(['runc', '--root', state, 'run', '--bundle', this.#bundle, this.#id]);
    // It answers when it is there.
    await this.#user.close();
  }

  /** Gives it other resources, as kubelet's CPU manager does with running containers. */
  async update(...settings: readonly string[]): Promise<void> {
    await this.#runc('update', ...settings, this.#id);
  }

  /** Kills it and all of it, its cgroup too. */
  async end(): Promise<void> {
    await this.#runc('kill', this.#id, 'KILL');
    await this.#user?.ended();
    this.#user = undefined;
  }

  async [Symbol.asyncDispose](): Promise<void> {
    if (this.#user !== undefined) await this.end();
    await output('umount', join(this.#bundle, 'rootfs'));
    await rm(this.#bundle, { recursive: true });
    for (let path = dirname(this.#cgroup); path !== '/'; path = dirname(path)) await rmdir(join(cgroupsV2.root, path));
  }

  #runc(...args: readonly string[]): Promise<string> {
    return output('runc', '--root', state, ...args);
  }
}

/** OCI runtime specification 1.0.2, config.json. */
function specification(cgroupsPath: string) {
  const bind = (path: string, mode: string) => {
    return { destination: path, type: 'bind', source: path, options: ['rbind', mode] };
  };
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      args: [process.execPath, vfioProgram],
      env: ['PATH=/usr/sbin:/usr/bin', 'LANG=C.UTF-8'],
      cwd: '/',
    },
    root: { path: 'rootfs', readonly: true },
    mounts: [{ destination: '/proc', type: 'proc', source: 'proc' }, bind('/dev', 'rw'), bind('/src', 'ro')],
    linux: {
      cgroupsPath,
      namespaces: ['pid', 'ipc', 'uts', 'mount', 'cgroup'].map((type) => ({ type })),
      resources: { devices: [{ allow: false, access: 'rwm' }] },
    },
  };
}
