import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';

/** Where the parts of a node are. */
export interface NodePlaces {
  /** Everything the node writes. */
  readonly root: string;
  /** Container runtime, unpacked. */
  readonly runtime: string;
  /** Name of the control group above all of the node's, in every hierarchy. */
  readonly controlGroup: string;
}

/** The node's name, which kubelet appends to those of static pods. */
export const nodeName = 'node';

/** Writes what container runtime, pod network and kubelet are configured by. */
export function writeNodeFiles({ root, runtime, controlGroup }: NodePlaces): void {
  for (const folder of ['run', 'lib', 'log', 'cni', 'pods', 'plugins', 'sysctl', 'images']) {
    mkdirSync(join(root, folder), { recursive: true });
  }
  const network = {
    cniVersion: '1.0.0',
    name: 'pods',
    plugins: [
      {
        type: 'bridge',
        bridge: 'cni0',
        isGateway: true,
        ipam: { type: 'host-local', ranges: [[{ subnet: '10.88.0.0/24' }]] },
      },
    ],
  };
  writeFileSync(join(root, 'cni/pods.conflist'), JSON.stringify(network));
  writeFileSync(join(root, 'containerd.toml'), containerdConfig(root, runtime));
  writeFileSync(join(root, 'kubelet.json'), JSON.stringify(kubeletConfig(root, controlGroup)));
}

function containerdConfig(root: string, runtime: string): string {
  // Without CAP_SYS_RESOURCE the negative scores that kubelet asks for cannot be set, hence restrict_oom_score_adj.
  return `
version = 2
[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "node.local/pause:1"
  restrict_oom_score_adj = true
  disable_apparmor = true
  tolerate_missing_hugetlb_controller = true
[plugins."io.containerd.grpc.v1.cri".cni]
  bin_dir = "${runtime}/usr/lib/cni"
  conf_dir = "${root}/cni"
`;
}

function kubeletConfig(root: string, controlGroup: string): object {
  return {
    apiVersion: 'kubelet.config.k8s.io/v1beta1',
    kind: 'KubeletConfiguration',
    staticPodPath: join(root, 'pods'),
    volumePluginDir: join(root, 'plugins'),
    containerRuntimeEndpoint: 'unix:///run/containerd/containerd.sock',
    cgroupDriver: 'cgroupfs',
    cgroupRoot: `/${controlGroup}`,
    failCgroupV1: false,
    failSwapOn: false,
    oomScoreAdj: 0,
    makeIPTablesUtilChains: false,
    registerNode: false,
    address: '127.0.0.1',
    readOnlyPort: 10255,
    authentication: { anonymous: { enabled: true }, webhook: { enabled: false } },
    authorization: { mode: 'AlwaysAllow' },
    resolvConf: '',
    // A full disk or little memory of the machine must not evict pods.
    evictionHard: Object.fromEntries(
      ['memory.available', 'nodefs.available', 'nodefs.inodesFree', 'imagefs.available'].map((each) => [each, '0%']),
    ),
    imageGCHighThresholdPercent: 100,
    localStorageCapacityIsolation: false,
    syncFrequency: '1s',
    fileCheckFrequency: '1s',
  };
}

/** A container of a pod: an image of the node, a command, devices, folders of the node. */
export interface PodWish {
  readonly name: string;
  readonly image?: string;
  readonly command?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
  readonly workingDir?: string;
  readonly requests?: Readonly<Record<string, number>>;
  /** Folders of the machine by where the container finds them. */
  readonly mounts?: Readonly<Record<string, string>>;
  /** Seconds between TERM and KILL. */
  readonly grace?: number;
}

/**
 * A static pod. The uid is ours: kubelet would make one of the text, and so give a pod that comes back the uid of the one
 * before.
 */
export function podManifest(wish: PodWish, uid: string): string {
  const { name, image = 'node.local/busybox:1', command = waiting, requests = {}, mounts = {}, grace = 1 } = wish;
  const volumes = Object.values(mounts).map((path, index) => ({ name: `v${index}`, hostPath: { path } }));
  const volumeMounts = Object.keys(mounts).map((mountPath, index) => ({ name: `v${index}`, mountPath }));
  const env = Object.entries(wish.env ?? {}).map(([key, value]) => ({ name: key, value }));
  const limits = Object.fromEntries(Object.entries(requests).map(([resource, count]) => [resource, String(count)]));
  const container = {
    name: 'app',
    image,
    imagePullPolicy: 'Never',
    command,
    env,
    volumeMounts,
    resources: { limits },
    ...(wish.workingDir !== undefined && { workingDir: wish.workingDir }),
  };
  const spec = { terminationGracePeriodSeconds: grace, enableServiceLinks: false, volumes, containers: [container] };
  return JSON.stringify({ apiVersion: 'v1', kind: 'Pod', metadata: { name, namespace: 'default', uid }, spec });
}

/** The line after a container's environment. */
export const endOfEnvironment = '--';

/**
 * What tells a shell's own environment, as its children lose variables whose names no shell could spell. Kubelet makes
 * one dollar of two.
 */
const environment = "tr '\\0' '\\n' </proc/$$$$/environ";

/** Tells its environment and stays until it is told to end. */
const waiting = ['/bin/sh', '-c', `${environment}; echo ${endOfEnvironment}; trap 'exit 0' TERM; sleep 1000000 & wait`];

/** What a container has written to its standard output so far, by line; that of all its starts that kubelet keeps. */
export function containerOutput(root: string, pod: string, uid: string): string[] {
  return containerLog(root, pod, uid).flatMap((line) => /^\S+ stdout \S (.*)$/.exec(line)?.[1] ?? []);
}

/** All that a container has written, with what kubelet puts before each line: time, stream, and a flag. */
export function containerLog(root: string, pod: string, uid: string): string[] {
  const folder = join(root, 'log/pods', `default_${pod}-${nodeName}_${uid}`, 'app');
  if (!existsSync(folder)) return [];
  // One file for each start, by number.
  const files = readdirSync(folder).sort((a, b) => Number.parseInt(a, 10) - Number.parseInt(b, 10));
  return files.flatMap((file) => readFileSync(join(folder, file), 'utf8').split('\n'));
}
