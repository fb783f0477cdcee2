import { rename, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { pciConfig } from '../../simulation/node-options.js';
import { failing } from '../sim/expectations.js';
import { inTime, useNode } from './support/node-fixture.js';

const [first, second] = ['0000:01:00.0', '0000:02:00.0'] as const;
const [tenG, intel, fiftyG] = ['10G', 'intel', '50G'].map((it) => `simulated.node/${it}`) as [string, string, string];

describe('a daemon whose configuration changes', function () {
  this.timeout(60_000);
  const fixture = useNode();

  /** As an editor does it: a new file in the place of the old one. */
  async function become(text: string): Promise<void> {
    const path = join(fixture.node.folder, 'pci.config');
    await writeFile(`${path}.new`, text);
    await rename(`${path}.new`, path);
  }

  const allocatable = (resource: string) => fixture.node.kubelet.resource(resource)?.allocatable ?? 0;
  const until = (condition: () => boolean) => fixture.node.kubelet.until(condition, inTime());

  it('goes on as before when the file is wrong, and says where', async () => {
    await become('physicalFunctions:\n  0000:zz:00.0: {}\n');
    await fixture.node.daemon.logged('cannot be followed, nothing changes', inTime());
    expect(allocatable('simulated.node/25G')).to.equal(1);
  });

  it('offers and takes away at once what nobody has; who has a VF keeps it', async () => {
    using client = await fixture.client();
    await client.request({ token: fixture.token() });
    const pid = fixture.node.daemon.pid;
    await become(pciConfig([{ address: second, totalVfs: 8, vfs: 1, capabilities: ['25G', '50G'] }]));
    await until(() => allocatable(fiftyG) === 1);
    await until(() => allocatable(intel) === 0);
    await client.request();
    await client.close();
    expect((await failing('refused', client.request({ token: fixture.token() }))).message).to.contain(
      'stands for no VF',
    );
    await become(
      pciConfig([
        { address: first, totalVfs: 8, vfs: 4, capabilities: ['10G', 'intel'] },
        { address: second, totalVfs: 8, vfs: 1, capabilities: ['25G'] },
      ]),
    );
    await until(() => allocatable(tenG) === 4 && allocatable(intel) === 4);
    await client.request({ token: fixture.token() });
    await client.close();
    expect(fixture.node.daemon.pid).to.equal(pid);
  });

  it('S4: serves a token to its first user only, by SPIFFE id', async () => {
    using client = await fixture.client();
    using other = await fixture.client('somebody-else');
    await client.request({ token: fixture.token(1) });
    await client.close();
    expect((await failing('denied', other.request({ token: fixture.token(1) }))).message).to.contain(
      'serves the first client that used it',
    );
    await client.request({ token: fixture.token(1) });
    await client.close();
  });
});
