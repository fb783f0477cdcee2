import { readFileSync } from 'node:fs';
import { expect } from 'chai';
import { parse, parseAllDocuments } from 'yaml';
import { readSettings } from '../../src/settings/environment/read-settings.js';
import { settingRows } from '../../src/settings/environment/settings-table.js';
import { parsePciConfig } from '../../src/settings/pci-config/read-pci-config.js';

interface Probe {
  readonly exec: { readonly command: readonly string[] };
  readonly periodSeconds: number;
  readonly failureThreshold: number;
}

interface Container {
  readonly image: string;
  readonly env: readonly { readonly name: string; readonly value?: string }[];
  readonly volumeMounts: readonly { readonly name: string; readonly mountPath: string; readonly readOnly?: boolean }[];
  readonly startupProbe: Probe;
  readonly readinessProbe: Probe;
  readonly livenessProbe: Probe;
  readonly resources: {
    readonly requests: { readonly memory: string };
    readonly limits: { readonly memory: string };
  };
  readonly securityContext: { readonly privileged: boolean };
}

interface DaemonSet {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly spec: {
    readonly selector: { readonly matchLabels: Record<string, string> };
    readonly template: {
      readonly metadata: { readonly labels: Record<string, string> };
      readonly spec: {
        readonly hostNetwork: boolean;
        readonly terminationGracePeriodSeconds: number;
        readonly containers: readonly [Container];
        readonly volumes: readonly {
          readonly name: string;
          readonly hostPath?: { readonly path: string };
          readonly configMap?: { readonly name: string };
        }[];
      };
    };
  };
}

const read = (file: string) => readFileSync(new URL(`../../${file}`, import.meta.url), 'utf8');
const [document] = parseAllDocuments(read('deployments/forwarder-sriov.yaml'));
const daemonSet = document?.toJS() as DaemonSet;
const pod = daemonSet.spec.template.spec;
const [container] = pod.containers;
const environment: Record<string, string> = Object.fromEntries(
  container.env.map(({ name, value }) => [name, value ?? 'forwarder-sriov-xxxxx']),
);

/** Paths that the settings come to under the manifest's environment, by variable; files count by their folder. */
function usedPaths(): [string, string][] {
  return settingRows.flatMap(([, { variable, default: fallback = '', kind }]): [string, string][] => {
    const value = environment[variable] ?? fallback;
    if (value.startsWith('unix://')) return [[variable, value.slice('unix://'.length)]];
    return kind.label.endsWith('path') ? [[variable, value]] : [];
  });
}

function below(path: string, folder: string): boolean {
  return `${path}/`.startsWith(`${folder}/`);
}

function mebibytes(text: string): number {
  return Number(/^(\d+)Mi$/.exec(text)?.[1]);
}

describe('the DaemonSet', () => {
  it('sets only variables that the forwarder reads, to values that it accepts', () => {
    const reading = readSettings(environment);
    expect(reading.ok, reading.ok ? '' : reading.error.message).to.equal(true);
    expect(reading.warnings).to.deep.equal([]);
    expect(settingRows.map(([, { variable }]) => variable)).to.include.members(Object.keys(environment));
  });

  it('mounts every path that a setting names', () => {
    expect(usedPaths().map(([variable]) => variable)).to.include.members([
      'SPIFFE_ENDPOINT_SOCKET',
      'NSM_CONNECT_TO',
      'NSM_LISTEN_ON',
      'NSM_SRIOV_CONFIG_FILE',
      'NSM_DEVICE_PLUGIN_PATH',
      'NSM_PCI_DEVICES_PATH',
      'NSM_CGROUP_PATH',
      'NSM_VFIO_PATH',
      'NSM_STATE_DIR',
    ]);
    for (const [variable, path] of usedPaths()) {
      const mounts = container.volumeMounts.filter(({ mountPath }) => below(path, mountPath));
      expect(mounts, `${variable}: ${path}`).to.have.length.of.at.least(1);
    }
  });

  it('keeps the journal on the node: a pod that takes the place of another finds it', () => {
    const [, state = ''] = usedPaths().find(([variable]) => variable === 'NSM_STATE_DIR') ?? [];
    const mount = container.volumeMounts.find(({ mountPath }) => below(state, mountPath));
    const volume = pod.volumes.find(({ name }) => name === mount?.name);
    expect(mount?.readOnly).to.equal(undefined);
    expect(volume?.hostPath).to.deep.equal({ path: mount?.mountPath, type: 'DirectoryOrCreate' });
  });

  it('mounts nothing else, and every volume once', () => {
    const used = usedPaths().map(([, path]) => path);
    const alternatives = ['/etc/forwarder-sriov/pci.config'];
    for (const { mountPath } of container.volumeMounts) {
      expect(
        [...used, ...alternatives].some((path) => below(path, mountPath)),
        mountPath,
      ).to.equal(true);
    }
    expect(container.volumeMounts.map(({ name }) => name)).to.have.members(pod.volumes.map(({ name }) => name));
  });

  it('shows host paths under the names that the settings give them', () => {
    for (const { name, hostPath } of pod.volumes.filter((volume) => volume.hostPath !== undefined)) {
      const mount = container.volumeMounts.find((it) => it.name === name);
      expect(mount?.mountPath.replace(/^\/host/, ''), name).to.equal(hostPath?.path);
    }
  });

  it('B36: leaves Node the memory that it needs', () => {
    expect(mebibytes(container.resources.requests.memory)).to.be.at.least(128);
    expect(mebibytes(container.resources.limits.memory)).to.be.at.least(256);
  });

  it('O4: is probed at start, for readiness and for life, where the forwarder listens', () => {
    const { startupProbe, readinessProbe, livenessProbe } = container;
    for (const probe of [startupProbe, readinessProbe, livenessProbe]) {
      const address = `-addr=${environment['NSM_LISTEN_ON']}`;
      expect(probe.exec.command).to.deep.equal(['/bin/grpc-health-probe', '-spiffe', address]);
    }
    const patience = livenessProbe.periodSeconds * livenessProbe.failureThreshold;
    expect(patience, 'an agent that is away must not cost the connections').to.be.at.least(300);
  });

  it('O4: runs the image of this version', () => {
    const { version } = JSON.parse(read('package.json')) as { version: string };
    expect(container.image).to.match(new RegExp(`:${version.replaceAll('.', '\\.')}$`));
  });

  it('lives in the network namespace of the VFs, may do all that it must, and gets the time for an orderly end', () => {
    expect(pod.hostNetwork).to.equal(true);
    expect(container.securityContext.privileged).to.equal(true);
    const [, stopMs] = /stopMs = ([\d_]+)/.exec(read('src/main.ts')) ?? [];
    expect(pod.terminationGracePeriodSeconds * 1000).to.be.greaterThan(Number(stopMs?.replaceAll('_', '')));
  });

  it('finds its pods, and SPIRE does', () => {
    const { labels } = daemonSet.spec.template.metadata;
    expect(labels).to.include({ ...daemonSet.spec.selector.matchLabels, 'spiffe.io/spiffe-id': 'true' });
  });
});

describe('the ConfigMap', () => {
  const configMap = parse(read('deployments/config-map.yaml')) as {
    readonly metadata: { readonly name: string };
    readonly data: Record<string, string>;
  };

  it('is the one that the DaemonSet mounts', () => {
    expect(pod.volumes.map((volume) => volume.configMap?.name)).to.include(configMap.metadata.name);
    expect(read('deployments/forwarder-sriov.yaml')).to.contain('/etc/forwarder-sriov/pci.config');
    expect(Object.keys(configMap.data)).to.deep.equal(['pci.config']);
  });

  it('carries a pci.config that the forwarder accepts', () => {
    const reading = parsePciConfig(configMap.data['pci.config'] ?? '', 'pci.config');
    expect(reading.ok, reading.ok ? '' : reading.error.message).to.equal(true);
    expect(reading.warnings).to.deep.equal([]);
  });
});
