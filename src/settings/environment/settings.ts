import type { LogLevel } from '../../ports/log.js';
import type { HostPort } from './host-port.js';
import type { SocketUrl } from './socket-url.js';

/** Everything the environment decides, parsed and deeply frozen. Durations are milliseconds. */
export interface Settings {
  readonly name: string;
  readonly networkServiceNames: readonly string[];
  readonly labels: Readonly<Record<string, string>>;
  readonly connectTo: SocketUrl;
  /** Undefined: a private socket in a fresh directory. */
  readonly listenOn: SocketUrl | undefined;
  readonly dialTimeout: number;
  readonly maxTokenLifetime: number;
  readonly registryClientPolicies: readonly string[];
  readonly serverPolicies: readonly string[];
  readonly resourcePollTimeout: number;
  readonly podGoneGrace: number;
  /** Undefined: clients' SPIFFE ids say nothing about pods. */
  readonly spiffeIdTemplate: string | undefined;
  readonly preferredAllocation: 'none' | 'pack' | 'spread' | 'numa';
  /** Undefined: a PF's link says nothing about its VFs. */
  readonly linkLossHold: number | undefined;
  readonly devicePluginPath: string;
  readonly podResourcesPath: string;
  readonly sriovConfigFile: string;
  readonly createVfs: 'max' | 'none';
  readonly resetVfs: boolean;
  readonly stateDir: string;
  readonly closeOnExit: boolean;
  readonly auditInterval: number;
  readonly pciDevicesPath: string;
  readonly pciDriversPath: string;
  readonly cgroupPath: string;
  readonly vfioPath: string;
  readonly vfioAfterUse: 'return' | 'keep';
  readonly vfioUnknownOwner: 'refuse' | 'trust-client';
  readonly vfioNoIommu: boolean;
  readonly vfioAtAllocate: readonly string[];
  readonly logLevel: LogLevel;
  readonly logFormat: 'text' | 'json';
  readonly telemetry: boolean;
  /** Always there when `telemetry` is on. */
  readonly openTelemetryEndpoint: HostPort | undefined;
  readonly metricsExportInterval: number;
  readonly pprofEnabled: boolean;
  /** Always there when `pprofEnabled` is on. */
  readonly pprofListenOn: HostPort | undefined;
  readonly spiffeEndpointSocket: SocketUrl;
  readonly inspectorListenOn: HostPort | undefined;
}
