import type { Setting } from './setting.js';
import {
  absolutePath,
  boolean,
  dialAddress,
  dialUrl,
  duration,
  list,
  listenAddress,
  listenUrl,
  logLevel,
  map,
  names,
  oneOf,
  optional,
  path,
  resourceNames,
  spiffeTemplate,
  text,
  whenEmpty,
} from './setting-kinds.js';
import type { Settings } from './settings.js';

/**
 * The one table of settings: reader, `--help` and documentation follow it. Names are those of cmd-forwarder-sriov;
 * defaults are those of its description, or where that is silent those of its program (nsm-wire.md 7.1).
 */
const settingsTable: { readonly [Key in keyof Settings]: Setting<Settings[Key]> } = {
  name: {
    variable: 'NSM_NAME',
    kind: text,
    default: 'sriov-forwarder',
    meaning: 'Name of the endpoint that the forwarder registers.',
  },
  networkServiceNames: {
    variable: 'NSM_NSNAME',
    older: ['NSM_NS_NAME'],
    kind: names,
    default: 'forwarder,sriovns',
    meaning: 'Network services that the forwarder registers for; NSM managers look for `forwarder`.',
  },
  labels: {
    variable: 'NSM_LABELS',
    kind: map,
    default: 'p2p:true',
    meaning: 'Labels of the endpoint in the registry.',
  },
  connectTo: {
    variable: 'NSM_CONNECT_TO',
    kind: dialUrl,
    default: 'unix:///var/lib/networkservicemesh/nsm.io.sock',
    meaning: "The NSM manager: the forwarder's registry.",
  },
  listenOn: {
    variable: 'NSM_LISTEN_ON',
    kind: optional(listenUrl),
    default: '',
    meaning: 'Where the forwarder serves: best beside `NSM_CONNECT_TO`. Unset: a private socket in a fresh folder.',
  },
  dialTimeout: {
    variable: 'NSM_DIAL_TIMEOUT',
    kind: duration,
    default: '50ms',
    meaning: 'Longest time to connect to the next hop of a connection.',
  },
  maxTokenLifetime: {
    variable: 'NSM_MAX_TOKEN_LIFETIME',
    kind: duration,
    default: '24h',
    meaning: 'Lifetime of the tokens that the forwarder signs; connections are refreshed before they expire.',
  },
  registryClientPolicies: {
    variable: 'NSM_REGISTRY_CLIENT_POLICIES',
    kind: list,
    default: 'etc/nsm/opa/common/.*.rego,etc/nsm/opa/registry/.*.rego,etc/nsm/opa/client/.*.rego',
    meaning: "Regular expressions that select the policies for the registry's answers. Empty: no policy.",
  },
  serverPolicies: {
    variable: 'NSM_SERVER_POLICIES',
    kind: list,
    default: 'etc/nsm/opa/common/.*.rego,etc/nsm/opa/server/.*.rego,etc/nsm/opa/monitor/.*.rego',
    meaning:
      'Regular expressions that select the policies for callers; those of `monitor/` are for who watches. Empty: no policy.',
  },
  resourcePollTimeout: {
    variable: 'NSM_RESOURCE_POLL_TIMEOUT',
    kind: duration,
    default: '30s',
    meaning: 'Time between two looks at which pods use which tokens.',
  },
  podGoneGrace: {
    variable: 'NSM_POD_GONE_GRACE',
    kind: duration,
    default: '30s',
    meaning:
      'How long a connection may outlive the pod whose token it uses, from when kubelet no longer lists the pod; then ' +
      'it is closed and its VF comes home.',
  },
  spiffeIdTemplate: {
    variable: 'NSM_SPIFFE_ID_TEMPLATE',
    kind: optional(spiffeTemplate),
    default: '',
    meaning:
      "How a client's SPIFFE ID names its pod; a token then serves nobody but the pod that kubelet says has it. Empty: a " +
      'token serves whoever is the first to use it.',
  },
  preferredAllocation: {
    variable: 'NSM_PREFERRED_ALLOCATION',
    kind: oneOf('none', 'pack', 'spread', 'numa'),
    default: 'none',
    meaning:
      'Which VFs a container gets that asks for several: of one PF (`pack`), of different ones (`spread`), of one NUMA ' +
      'node (`numa`), or of the PF with most free ones each time (`none`).',
  },
  linkLossHold: {
    variable: 'NSM_LINK_LOSS_HOLD',
    kind: optional(duration),
    default: '10s',
    meaning:
      'How long a PF may be without link before its free VFs count as unhealthy, and with link before they count as ' +
      'healthy again. Empty: its link says nothing about its VFs.',
  },
  devicePluginPath: {
    variable: 'NSM_DEVICE_PLUGIN_PATH',
    kind: path,
    default: '/var/lib/kubelet/device-plugins/',
    meaning: "Directory of kubelet's device plugin sockets.",
  },
  podResourcesPath: {
    variable: 'NSM_POD_RESOURCES_PATH',
    kind: path,
    default: '/var/lib/kubelet/pod-resources/',
    meaning: "Directory of kubelet's pod resources socket.",
  },
  sriovConfigFile: {
    variable: 'NSM_SRIOV_CONFIG_FILE',
    kind: path,
    default: './pci.config',
    meaning: 'The file that lists the physical functions.',
  },
  createVfs: {
    variable: 'NSM_CREATE_VFS',
    kind: oneOf('max', 'none'),
    default: 'max',
    meaning:
      'What a PF without VFs gets when its `numVFs` says nothing: as many as the card has, or none. ' +
      'A PF that has VFs is never changed.',
  },
  resetVfs: {
    variable: 'NSM_RESET_VFS',
    kind: boolean,
    default: 'true',
    meaning:
      'After each user a VF is reset and its driver bound anew, which takes a fraction of a second and leaves nothing ' +
      'of that user. Off: VLAN devices that the user made on it go on working, and see what the next user sends.',
  },
  stateDir: {
    variable: 'NSM_STATE_DIR',
    kind: absolutePath,
    default: '/var/lib/networkservicemesh/forwarder-sriov',
    meaning:
      'Directory of the journal, in which the next process finds what this one did. It must outlive the container and ' +
      'belong to this node alone; one forwarder at a time uses it.',
  },
  closeOnExit: {
    variable: 'NSM_CLOSE_ON_EXIT',
    kind: boolean,
    default: 'false',
    meaning:
      'What becomes of connections at an orderly end. Off: clients keep their VFs and the next process takes them over. ' +
      'On: all are closed and the VFs come home, as before the forwarder is removed from the node.',
  },
  auditInterval: {
    variable: 'NSM_AUDIT_INTERVAL',
    kind: duration,
    default: '30s',
    meaning: 'Time between two looks whether every VF still is where and how it should be.',
  },
  pciDevicesPath: {
    variable: 'NSM_PCI_DEVICES_PATH',
    kind: path,
    default: '/sys/bus/pci/devices',
    meaning: 'Directory of the PCI devices.',
  },
  pciDriversPath: {
    variable: 'NSM_PCI_DRIVERS_PATH',
    kind: path,
    default: '/sys/bus/pci/drivers',
    meaning: 'Directory of the PCI drivers.',
  },
  cgroupPath: {
    variable: 'NSM_CGROUP_PATH',
    kind: path,
    default: '/host/sys/fs/cgroup/devices',
    meaning: "The host's `/sys/fs/cgroup/devices`.",
  },
  vfioPath: {
    variable: 'NSM_VFIO_PATH',
    kind: path,
    default: '/host/dev/vfio',
    meaning: "The host's `/dev/vfio`.",
  },
  vfioAfterUse: {
    variable: 'NSM_VFIO_AFTER_USE',
    kind: oneOf('return', 'keep'),
    default: 'return',
    meaning:
      'What becomes of a VF after VFIO: `return` gives it back to the driver that it had before, `keep` leaves it on ' +
      'vfio-pci, where its next VFIO client gets it sooner.',
  },
  vfioUnknownOwner: {
    variable: 'NSM_VFIO_UNKNOWN_OWNER',
    kind: oneOf('refuse', 'trust-client'),
    default: 'refuse',
    meaning:
      'What to do when kubelet does not say which pod has the token of a VFIO client: `refuse` it, or believe the ' +
      'cgroup that it names (`trust-client`): any client can then get a VF into any pod.',
  },
  vfioNoIommu: {
    variable: 'NSM_VFIO_NO_IOMMU',
    kind: boolean,
    default: 'false',
    meaning:
      'Serves VFIO also where no IOMMU stands behind a VF. Its client can then reach all memory of the machine. The ' +
      "kernel's `vfio.enable_unsafe_noiommu_mode` has to be on as well.",
  },
  vfioAtAllocate: {
    variable: 'NSM_VFIO_AT_ALLOCATE',
    kind: resourceNames,
    default: '',
    meaning: 'Resources whose pods get a VF on vfio-pci with each token, at Allocate, and no connection. Empty: none.',
  },
  logLevel: {
    variable: 'NSM_LOG_LEVEL',
    kind: logLevel,
    default: 'INFO',
    meaning: 'The least important lines that are logged.',
  },
  logFormat: {
    variable: 'NSM_LOG_FORMAT',
    kind: oneOf('text', 'json'),
    default: 'text',
    meaning: 'How log lines are written: as those of other NSM components, or as JSON.',
  },
  telemetry: {
    variable: 'TELEMETRY',
    kind: whenEmpty(false, boolean),
    default: 'false',
    meaning: 'Turns OpenTelemetry on. Empty: off.',
  },
  openTelemetryEndpoint: {
    variable: 'NSM_OPEN_TELEMETRY_ENDPOINT',
    kind: optional(dialAddress),
    default: 'otel-collector.observability.svc.cluster.local:4317',
    meaning: 'The OpenTelemetry collector (OTLP over gRPC). Empty: none, only while `TELEMETRY` is off.',
  },
  metricsExportInterval: {
    variable: 'NSM_METRICS_EXPORT_INTERVAL',
    kind: duration,
    default: '10s',
    meaning: 'Time between two exports of metrics.',
  },
  pprofEnabled: {
    variable: 'NSM_PPROF_ENABLED',
    kind: boolean,
    default: 'false',
    meaning: 'Serves profiles over HTTP.',
  },
  pprofListenOn: {
    variable: 'NSM_PPROF_LISTEN_ON',
    kind: optional(listenAddress),
    default: 'localhost:6060',
    meaning: 'Where profiles are served. Empty: nowhere, only while `NSM_PPROF_ENABLED` is off.',
  },
  spiffeEndpointSocket: {
    variable: 'SPIFFE_ENDPOINT_SOCKET',
    kind: dialUrl,
    meaning: 'The SPIFFE workload API, the source of certificates.',
  },
  inspectorListenOn: {
    variable: 'DLV_LISTEN_FORWARDER',
    kind: optional(listenAddress),
    default: '',
    meaning: "Opens Node's inspector there at start. Unset: no inspector.",
  },
};

/** Name of the property and its row, in the order of the table. */
export const settingRows: readonly (readonly [keyof Settings, Setting<unknown>])[] = Object.entries(
  settingsTable,
) as unknown as [keyof Settings, Setting<unknown>][];
