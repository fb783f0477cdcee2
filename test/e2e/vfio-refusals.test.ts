import { rename } from 'node:fs/promises';
import { expect } from 'chai';
import type { Wish } from '../../simulation/client.js';
import { emptyContext } from '../../simulation/messages.js';
import { notPermitted, parametersOf, useDevices, vfOf } from './support/device-fixture.js';
import { driverOf } from './support/device-state.js';
import { refusal } from './support/expectations.js';

function cgroupDir(path: string): Wish {
  return { parameters: { cgroupDir: path } };
}

/** The path of a pod's containers, as a stock client sends it. */
function containersOf(uid: string): string {
  return `kubepods/burstable/pod${uid}/*`;
}

for (const cgroups of [1, 2] as const) {
  describe(`a VFIO client that asks for what is not its own (cgroup v${cgroups})`, function () {
    this.timeout(60_000);
    const devices = useDevices(cgroups);
    const elsewhere = /not in the pod that has the token/;
    const rows: readonly (readonly [string, () => Wish, string, RegExp])[] = [
      ['S3: a path that climbs', () => cgroupDir('../../*'), 'INVALID_ARGUMENT', /"\.\."/],
      [
        'S3: a path that climbs from the pod to its neighbour',
        () => cgroupDir(`kubepods/burstable/pod${devices.uid(0)}/../pod${devices.uid(1)}/*`),
        'INVALID_ARGUMENT',
        /"\.\."/,
      ],
      ['S3: a pattern for all pods', () => cgroupDir('kubepods/burstable/*/main'), 'INVALID_ARGUMENT', /"\*"/],
      ["S3: another pod's path", () => cgroupDir(containersOf(devices.uid(1))), 'FAILED_PRECONDITION', elsewhere],
      [
        "S4: another pod's token, with the own path",
        () => ({ token: devices.token(1), ...cgroupDir(containersOf(devices.uid(0))) }),
        'FAILED_PRECONDITION',
        elsewhere,
      ],
      [
        'C3: a container that is not there',
        () => cgroupDir(`kubepods/burstable/pod${devices.uid(0)}/none`),
        'NOT_FOUND',
        /none/,
      ],
      ['a token that is none', () => ({ token: 'sriov-1' }), 'INVALID_ARGUMENT', /sriov-1/],
    ];
    for (const [what, wish, status, message] of rows) {
      it(`${what}: is refused, and nothing changes`, async () => {
        using client = await devices.client();
        const attempt = client.request({ token: devices.token(), type: 'VFIO', ...wish() });
        expect(await refusal(status, attempt)).to.match(message);
      });
    }

    it('S4: gets nothing by the token of another pod: that pod gets it', async () => {
      using connected = await devices.connect(1);
      expect((await devices.openings(connected.connection)).slice(0, 2)).to.deep.equal([notPermitted, 'done']);
      await connected.client.close();
    });

    it('S3: in a refresh into another pod is refused, and its connection lives on', async () => {
      using connected = await devices.connect();
      const held = await devices.state();
      const attempt = connected.client.request(cgroupDir(containersOf(devices.uid(1))));
      expect(await refusal('FAILED_PRECONDITION', attempt)).to.match(elsewhere);
      expect(await devices.state()).to.deep.equal(held);
      await connected.client.close();
    });

    it('S2: what it makes of device numbers in a refresh and in Close is never believed', async () => {
      using connected = await devices.connect();
      const held = await devices.state();
      const forged = {
        deviceMajor: '1',
        deviceMinor: '1',
        vfioMinor: '11',
        iommuGroup: 'none',
        pciAddress: '0000:01:10.6',
      };
      const again = await connected.client.request({ parameters: forged });
      expect(parametersOf(again)).to.deep.equal(parametersOf(connected.connection));
      expect(await devices.state()).to.deep.equal(held);
      Object.assign(again.mechanism?.parameters ?? {}, forged);
      await connected.client.close();
    });
  });
}

describe('a node that cannot serve VFIO', function () {
  this.timeout(60_000);
  describe('because of what its PF and its host lack', () => {
    const devices = useDevices(2);

    it('refuses a MAC that the PF cannot set, and changes nothing', async () => {
      devices.node.endpoint.behaviour = {
        kind: 'agree',
        context: () => ({ ...emptyContext, ethernetContext: { srcMac: '02:00:00:00:00:01', dstMac: '', vlanTag: 0 } }),
      };
      await refusal('UNIMPLEMENTED', devices.connect());
    });

    it('says what is missing without /dev/vfio', async () => {
      const { vfioFolder } = devices.node;
      await rename(vfioFolder, `${vfioFolder}-away`);
      const said = await refusal('NOT_FOUND', devices.connect());
      await rename(`${vfioFolder}-away`, vfioFolder);
      expect(said).to.include('modprobe vfio-pci').and.include(vfioFolder);
    });
  });

  describe('because vfio-pci is not loaded', () => {
    const devices = useDevices(2, { drivers: [] });

    it('names the module, to its operator in the log and to the client', async () => {
      expect(devices.node.daemon.lines.join('\n')).to.include(
        'no VF can serve VFIO: load its module (modprobe vfio-pci)',
      );
      expect(await refusal('NOT_FOUND', devices.connect())).to.include('modprobe vfio-pci');
    });
  });

  describe('because of its IOMMU', () => {
    const devices = useDevices(2, {
      physicalFunctions: [
        { address: '0000:01:00.0', totalVfs: 8, vfs: 4, capabilities: ['10G', 'intel'], groups: 'made-up' },
        { address: '0000:02:00.0', totalVfs: 8, vfs: 2, capabilities: ['25G'], groups: 'shared' },
      ],
    });

    it('says why: there is none', async () => {
      expect(await refusal('RESOURCE_EXHAUSTED', devices.connect())).to.include('IOMMU groups');
      expect(devices.node.daemon.lines.join('\n')).to.match(/it has no IOMMU group\. Turn the IOMMU on.*0000:01:10\.6/);
    });

    it('B10, P2: says why: the group holds the PF, which keeps its driver and its VFs', async () => {
      const [token] = await devices.node.admitPod('pod-of-group', ['simulated.node/25G']);
      const said = await refusal('RESOURCE_EXHAUSTED', devices.connect(0, { token }));
      expect(said).to.include('hold a PF');
      expect(devices.node.daemon.lines.join('\n')).to.match(/holds the PF 0000:02:00\.0.*0000:02:10\.2/);
      expect(await driverOf(devices.node, '0000:02:00.0')).to.equal('igb');
    });
  });
});

describe('a node without an IOMMU on which VFIO is allowed all the same (NSM_VFIO_NO_IOMMU)', function () {
  this.timeout(60_000);
  const devices = useDevices(2, {
    physicalFunctions: [
      { address: '0000:01:00.0', totalVfs: 8, vfs: 4, capabilities: ['10G', 'intel'], groups: 'made-up' },
    ],
    env: { NSM_VFIO_NO_IOMMU: 'true' },
  });

  it('serves the device of the group that VFIO makes up, under its bare number', async () => {
    using connected = await devices.connect();
    const { client, connection } = connected;
    const { iommuGroup } = parametersOf(connection);
    expect(iommuGroup).to.match(/^\d+$/);
    const { nodes } = await devices.state();
    expect(nodes).to.deep.equal([`noiommu-${iommuGroup}`, 'vfio']);
    const node = `${devices.node.vfioFolder}/noiommu-${iommuGroup}`;
    expect([await devices.container(0).open(node), await devices.container(1).open(node)]).to.deep.equal([
      'done',
      notPermitted,
    ]);
    expect(await driverOf(devices.node, vfOf(connection))).to.equal('vfio-pci');
    await client.close();
  });
});
