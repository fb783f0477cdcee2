import { expect } from 'chai';
import fc from 'fast-check';
import { ForwarderError } from '../../../src/ports/error.js';
import { readSettings } from '../../../src/settings/environment/read-settings.js';
import type { Settings } from '../../../src/settings/environment/settings.js';
import { settingRows } from '../../../src/settings/environment/settings-table.js';
import type { Environment } from '../../../src/settings/environment/spelled-variables.js';
import { anyText } from '../any-text.js';

const required = { SPIFFE_ENDPOINT_SOCKET: 'unix:///run/agent.sock' };

function settingsOf(env: Environment): Settings {
  const reading = readSettings({ ...required, ...env });
  if (!reading.ok) throw reading.error;
  return reading.value;
}

function warningsOf(env: Environment): readonly string[] {
  return readSettings({ ...required, ...env }).warnings;
}

/** The lines of the error below its heading. */
function rulesOf(env: Environment): readonly string[] {
  const reading = readSettings(env);
  if (reading.ok) return [];
  expect(reading.error).to.be.instanceOf(ForwarderError);
  expect(reading.error.kind).to.equal('invalid');
  return reading.error.message.split('\n  ').slice(1);
}

function isDeeplyFrozen(value: unknown): boolean {
  if (typeof value !== 'object' || value === null) return true;
  return Object.isFrozen(value) && Object.values(value).every(isDeeplyFrozen);
}

describe('settings from the environment', () => {
  it('have the defaults of the description, and where it is silent those of the Go program', () => {
    expect(settingsOf({})).to.deep.equal({
      name: 'sriov-forwarder',
      networkServiceNames: ['forwarder', 'sriovns'],
      labels: { p2p: 'true' },
      connectTo: { kind: 'unix', path: '/var/lib/networkservicemesh/nsm.io.sock' },
      listenOn: undefined,
      dialTimeout: 50,
      maxTokenLifetime: 24 * 3_600_000,
      registryClientPolicies: [
        'etc/nsm/opa/common/.*.rego',
        'etc/nsm/opa/registry/.*.rego',
        'etc/nsm/opa/client/.*.rego',
      ],
      serverPolicies: ['etc/nsm/opa/common/.*.rego', 'etc/nsm/opa/server/.*.rego', 'etc/nsm/opa/monitor/.*.rego'],
      resourcePollTimeout: 30_000,
      podGoneGrace: 30_000,
      spiffeIdTemplate: undefined,
      preferredAllocation: 'none',
      linkLossHold: 10_000,
      devicePluginPath: '/var/lib/kubelet/device-plugins/',
      podResourcesPath: '/var/lib/kubelet/pod-resources/',
      sriovConfigFile: './pci.config',
      createVfs: 'max',
      resetVfs: true,
      stateDir: '/var/lib/networkservicemesh/forwarder-sriov',
      closeOnExit: false,
      auditInterval: 30_000,
      pciDevicesPath: '/sys/bus/pci/devices',
      pciDriversPath: '/sys/bus/pci/drivers',
      cgroupPath: '/host/sys/fs/cgroup/devices',
      vfioPath: '/host/dev/vfio',
      vfioAfterUse: 'return',
      vfioUnknownOwner: 'refuse',
      vfioNoIommu: false,
      vfioAtAllocate: [],
      logLevel: 'info',
      logFormat: 'text',
      telemetry: false,
      openTelemetryEndpoint: { host: 'otel-collector.observability.svc.cluster.local', port: 4317 },
      metricsExportInterval: 10_000,
      pprofEnabled: false,
      pprofListenOn: { host: 'localhost', port: 6060 },
      spiffeEndpointSocket: { kind: 'unix', path: '/run/agent.sock' },
      inspectorListenOn: undefined,
    });
    expect(warningsOf({})).to.deep.equal([]);
  });

  it('are frozen to the last part', () => {
    expect(isDeeplyFrozen(settingsOf({ NSM_LISTEN_ON: 'tcp://:5001', NSM_LABELS: 'a:b' }))).to.equal(true);
  });

  const given: readonly (readonly [string, string, Partial<Settings>])[] = [
    ['NSM_NAME', 'node-7', { name: 'node-7' }],
    ['NSM_NSNAME', 'one', { networkServiceNames: ['one'] }],
    ['NSM_NS_NAME', 'one', { networkServiceNames: ['one'] }],
    ['NSM_LABELS', 'a:b,c:d', { labels: { a: 'b', c: 'd' } }],
    ['NSM_CONNECT_TO', 'tcp://nsmgr:5001', { connectTo: { kind: 'tcp', host: 'nsmgr', port: 5001 } }],
    ['NSM_LISTEN_ON', 'unix:///x.sock', { listenOn: { kind: 'unix', path: '/x.sock' } }],
    ['NSM_DIAL_TIMEOUT', '5s', { dialTimeout: 5_000 }],
    ['NSM_MAX_TOKEN_LIFETIME', '10m', { maxTokenLifetime: 600_000 }],
    ['NSM_REGISTRY_CLIENT_POLICIES', 'a,b', { registryClientPolicies: ['a', 'b'] }],
    ['NSM_SERVER_POLICIES', 'a,b', { serverPolicies: ['a', 'b'] }],
    ['NSM_RESOURCE_POLL_TIMEOUT', '1s', { resourcePollTimeout: 1_000 }],
    ['NSM_POD_GONE_GRACE', '1m', { podGoneGrace: 60_000 }],
    ['NSM_SPIFFE_ID_TEMPLATE', 'spiffe://d/{pod}', { spiffeIdTemplate: 'spiffe://d/{pod}' }],
    ['NSM_PREFERRED_ALLOCATION', 'numa', { preferredAllocation: 'numa' }],
    ['NSM_LINK_LOSS_HOLD', '3s', { linkLossHold: 3_000 }],
    ['NSM_DEVICE_PLUGIN_PATH', '/dp', { devicePluginPath: '/dp' }],
    ['NSM_POD_RESOURCES_PATH', '/pr', { podResourcesPath: '/pr' }],
    ['NSM_SRIOV_CONFIG_FILE', '/etc/x', { sriovConfigFile: '/etc/x' }],
    ['NSM_CREATE_VFS', 'none', { createVfs: 'none' }],
    ['NSM_RESET_VFS', 'false', { resetVfs: false }],
    ['NSM_STATE_DIR', '/s', { stateDir: '/s' }],
    ['NSM_CLOSE_ON_EXIT', 'true', { closeOnExit: true }],
    ['NSM_AUDIT_INTERVAL', '5s', { auditInterval: 5_000 }],
    ['NSM_PCI_DEVICES_PATH', '/d', { pciDevicesPath: '/d' }],
    ['NSM_PCI_DRIVERS_PATH', '/r', { pciDriversPath: '/r' }],
    ['NSM_CGROUP_PATH', '/c', { cgroupPath: '/c' }],
    ['NSM_VFIO_PATH', '/v', { vfioPath: '/v' }],
    ['NSM_VFIO_AFTER_USE', 'keep', { vfioAfterUse: 'keep' }],
    ['NSM_VFIO_UNKNOWN_OWNER', 'trust-client', { vfioUnknownOwner: 'trust-client' }],
    ['NSM_VFIO_NO_IOMMU', 'true', { vfioNoIommu: true }],
    ['NSM_VFIO_AT_ALLOCATE', 'a.b/dpdk-10G, a.b/x', { vfioAtAllocate: ['a.b/dpdk-10G', 'a.b/x'] }],
    ['NSM_LOG_LEVEL', 'WARNING', { logLevel: 'warn' }],
    ['NSM_LOG_FORMAT', 'json', { logFormat: 'json' }],
    ['TELEMETRY', 'true', { telemetry: true }],
    ['NSM_OPEN_TELEMETRY_ENDPOINT', 'c:1', { openTelemetryEndpoint: { host: 'c', port: 1 } }],
    ['NSM_METRICS_EXPORT_INTERVAL', '1m', { metricsExportInterval: 60_000 }],
    ['NSM_PPROF_ENABLED', 'T', { pprofEnabled: true }],
    ['NSM_PPROF_LISTEN_ON', ':1', { pprofListenOn: { host: '', port: 1 } }],
    ['SPIFFE_ENDPOINT_SOCKET', 'unix:/s', { spiffeEndpointSocket: { kind: 'unix', path: '/s' } }],
    ['DLV_LISTEN_FORWARDER', ':50000', { inspectorListenOn: { host: '', port: 50_000 } }],
  ];
  for (const [variable, text, part] of given) {
    it(`${variable}=${text} sets ${JSON.stringify(part)}`, () => {
      expect(settingsOf({ [variable]: text })).to.deep.equal({ ...settingsOf({}), ...part });
    });
  }

  it('are all covered above', () => {
    const names = settingRows.flatMap(([, { variable, older = [] }]) => [variable, ...older]);
    expect(given.map(([variable]) => variable)).to.have.members(names);
  });
});

describe('a variable set to the empty text', () => {
  const empties: readonly (readonly [string, Partial<Settings>])[] = [
    ['NSM_LABELS', { labels: {} }],
    ['NSM_REGISTRY_CLIENT_POLICIES', { registryClientPolicies: [] }],
    ['NSM_SERVER_POLICIES', { serverPolicies: [] }],
    ['NSM_LISTEN_ON', { listenOn: undefined }],
    ['NSM_SPIFFE_ID_TEMPLATE', { spiffeIdTemplate: undefined }],
    ['NSM_VFIO_AT_ALLOCATE', { vfioAtAllocate: [] }],
    ['NSM_LINK_LOSS_HOLD', { linkLossHold: undefined }],
    ['NSM_OPEN_TELEMETRY_ENDPOINT', { openTelemetryEndpoint: undefined }],
    ['NSM_PPROF_LISTEN_ON', { pprofListenOn: undefined }],
    ['TELEMETRY', { telemetry: false }],
    ['DLV_LISTEN_FORWARDER', { inspectorListenOn: undefined }],
  ];
  for (const [variable, part] of empties) {
    it(`is empty, not the default: ${variable} gives ${Object.keys(part)[0]} nothing`, () => {
      expect(settingsOf({ [variable]: '' })).to.deep.equal({ ...settingsOf({}), ...part });
    });
  }

  const allowed = empties.map(([variable]) => variable);
  for (const [, { variable }] of settingRows.filter(([, row]) => !allowed.includes(row.variable))) {
    it(`is wrong where nothing is no value: ${variable}`, () => {
      const rules = rulesOf({ ...required, [variable]: '' });
      expect(rules).to.have.lengthOf(1);
      expect(rules[0]).to.match(new RegExp(`^${variable}="": must `));
    });
  }
});

describe('wrong settings', () => {
  it('are reported all at once, in the order of the table, each with value and rule', () => {
    const rules = rulesOf({
      NSM_LOG_LEVEL: 'loud',
      NSM_DIAL_TIMEOUT: '50',
      NSM_MAX_TOKEN_LIFETIME: '0s',
      NSM_CONNECT_TO: 'http://x',
      NSM_CREATE_VFS: 'some',
      NSM_RESET_VFS: 'maybe',
      NSM_STATE_DIR: 'state',
      NSM_PPROF_ENABLED: 'yes',
    });
    expect(rules).to.deep.equal([
      'NSM_CONNECT_TO="http://x": must be unix:///absolute/path or tcp://host:port',
      'NSM_DIAL_TIMEOUT="50": must be a duration like 10m, 1h30m or 2.5s (units h, m, s, ms, us, ns): the unit is missing',
      'NSM_MAX_TOKEN_LIFETIME="0s": must be more than 0',
      'NSM_CREATE_VFS="some": must be max or none',
      'NSM_RESET_VFS="maybe": must be one of 1, t, T, true, TRUE, True or 0, f, F, false, FALSE, False',
      'NSM_STATE_DIR="state": must be an absolute path, beginning with /',
      'NSM_LOG_LEVEL="loud": must be one of panic, fatal, error, warn, info, debug, trace, in any letter case',
      'NSM_PPROF_ENABLED="yes": must be one of 1, t, T, true, TRUE, True or 0, f, F, false, FALSE, False',
      'SPIFFE_ENDPOINT_SOCKET is not set and has no default: it must be unix:///absolute/path or tcp://host:port',
    ]);
  });

  for (const text of ['0', '0s', '-1s']) {
    it(`include every duration of ${text}`, () => {
      const durations = settingRows.map(([, row]) => row).filter(({ kind }) => kind.label === 'duration');
      expect(durations).to.have.lengthOf(7);
      const env = Object.fromEntries(durations.map(({ variable }) => [variable, text]));
      const expected = durations.map(({ variable }) => `${variable}="${text}": must be more than 0`);
      expect(rulesOf({ ...required, ...env })).to.deep.equal(expected);
    });
  }

  it('are named as they were spelled', () => {
    expect(rulesOf({ ...required, NSM_NS_NAME: 'a,' })).to.deep.equal([
      'NSM_NS_NAME="a,": must be a list a,b,c without empty items',
    ]);
  });

  it('are two that do not fit each other', () => {
    const env = {
      TELEMETRY: '1',
      NSM_OPEN_TELEMETRY_ENDPOINT: '',
      NSM_PPROF_ENABLED: '1',
      NSM_PPROF_LISTEN_ON: '',
    };
    expect(rulesOf({ ...required, ...env })).to.deep.equal([
      'NSM_OPEN_TELEMETRY_ENDPOINT="": must not be empty while TELEMETRY is on',
      'NSM_PPROF_LISTEN_ON="": must not be empty while NSM_PPROF_ENABLED is on',
    ]);
  });

  it('cannot break out of their line, and a very long one is cut', () => {
    const [rule = ''] = rulesOf({ ...required, NSM_LOG_LEVEL: `a\nb\u001b${'x'.repeat(5_000)}` });
    expect(rule).to.match(/^NSM_LOG_LEVEL="a\\nb\\u001bx+…": /);
    expect(rule.length).to.be.below(300);
  });

  it('are the only failure there is, whatever the environment', () => {
    const variables = settingRows.map(([, { variable }]) => variable);
    const environments = fc.dictionary(fc.constantFrom(...variables), anyText);
    fc.assert(
      fc.property(environments, (env) => {
        const reading = readSettings(env);
        return reading.ok || (reading.error instanceof ForwarderError && reading.error.kind === 'invalid');
      }),
    );
  });
});

describe('warnings about the environment', () => {
  it('name an older spelling', () => {
    expect(warningsOf({ NSM_NS_NAME: 'a' })).to.deep.equal(['NSM_NS_NAME is the older name of NSM_NSNAME: rename it']);
  });

  it('name the older of two spellings, of which the newer wins', () => {
    const env = { NSM_NS_NAME: 'old', NSM_NSNAME: 'new' };
    expect(settingsOf(env).networkServiceNames).to.deep.equal(['new']);
    expect(warningsOf(env)).to.deep.equal(['NSM_NS_NAME="old" is ignored: NSM_NSNAME, its newer name, is set as well']);
  });

  it('come with errors too', () => {
    const reading = readSettings({ NSM_NS_NAME: 'a' });
    expect([reading.ok, reading.warnings.length]).to.deep.equal([false, 1]);
  });

  const unknown: readonly (readonly [string, string])[] = [
    ['NSM_SRIOVCONFIG_FILE', ', did you mean NSM_SRIOV_CONFIG_FILE?'],
    ['NSM_PCIDEVICES_PATH', ', did you mean NSM_PCI_DEVICES_PATH?'],
    ['NSM_LOGLEVEL', ', did you mean NSM_LOG_LEVEL?'],
    ['NSM_MAX_TOKEN_LIFETIMES', ', did you mean NSM_MAX_TOKEN_LIFETIME?'],
    ['NSM_LISTENON', ', did you mean NSM_LISTEN_ON?'],
    ['NSM_COMPLETELY_DIFFERENT_THING', ''],
  ];
  for (const [name, suggestion] of unknown) {
    it(`name the unknown ${name}${suggestion}`, () => {
      expect(warningsOf({ [name]: 'x' })).to.deep.equal([`${name} is unknown and ignored${suggestion}`]);
    });
  }

  for (const name of [
    'NSM_REGISTRY_SERVICE_HOST',
    'NSM_REGISTRY_SERVICE_PORT',
    'NSM_REGISTRY_SERVICE_PORT_GRPC',
    'NSM_REGISTRY_PORT',
    'NSM_REGISTRY_PORT_5002_TCP',
    'NSM_REGISTRY_PORT_5002_TCP_ADDR',
    'nsm_name',
    'PATH',
  ]) {
    it(`leave ${name} alone, which is not ours`, () => expect(warningsOf({ [name]: 'x' })).to.deep.equal([]));
  }
});
