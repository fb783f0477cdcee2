import { readFile, rm, truncate, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import type { SimulatedClient } from '../../simulation/client.js';
import { refusal } from '../e2e/support/expectations.js';
import { inTime, useNode } from '../e2e/support/node-fixture.js';
import { SmallDisk } from './small-disk.js';

/** What happens to the journal between two lives of the daemon. */
interface Damage {
  readonly title: string;
  /** What the successor's log says. */
  readonly said: string;
  readonly do: (journal: string) => Promise<void>;
  /** The journal still tells enough for the clients to go on with what they have. */
  readonly harmless?: true;
}

const rewrite = (change: (bytes: Buffer) => Buffer) => async (file: string) => {
  await writeFile(file, change(await readFile(file)));
};

const damages: readonly Damage[] = [
  { title: 'is gone', said: 'there was no journal', do: (file) => rm(file) },
  { title: 'is empty', said: 'it is empty, not even a first line is left', do: (file) => truncate(file) },
  { title: 'is truncated in its first line', said: 'it is truncated', do: (file) => truncate(file, 10) },
  {
    title: 'is truncated behind its first line',
    said: 'the journal is intact',
    do: rewrite((bytes) => bytes.subarray(0, bytes.indexOf('\n') + 1)),
  },
  {
    title: 'has another bit in its first line',
    said: 'its first line is damaged',
    do: rewrite((bytes) => flipped(bytes, bytes.indexOf('\n') - 3)),
    harmless: true,
  },
  {
    title: 'has another bit in its middle',
    said: 'records are damaged at offset',
    do: rewrite((bytes) => flipped(bytes, bytes.length >> 1)),
  },
  {
    title: 'is of somebody else',
    said: 'it is a foreign file',
    do: (file) => writeFile(file, 'notes to myself\n'),
  },
  {
    title: 'is of a newer version',
    said: 'a newer forwarder has written it, in version 2',
    do: (file) => writeFile(file, 'forwarder-sriov journal 2 00000000 who knows\nwhat this says\n'),
  },
];

function flipped(bytes: Buffer, at: number): Buffer {
  bytes[at] = (bytes[at] ?? 0) ^ 1;
  return bytes;
}

const vfOf = (client: SimulatedClient) => client.connection?.mechanism?.parameters['pciAddress'] ?? '';

describe('a successor of a killed daemon', () => {
  /** More VFs than clients: one that is kept back closes a token, which shall be none of theirs. */
  const vfs = 8;
  const fixture = useNode({
    physicalFunctions: [{ address: '0000:01:00.0', totalVfs: 8, vfs, capabilities: ['10G', 'intel'] }],
  });
  const stateFolder = () => join(fixture.node.folder, 'state');

  async function connected(pod: number): Promise<SimulatedClient> {
    const client = await fixture.client();
    await client.request({ token: fixture.token(pod), interfaceName: `pod-${pod}` });
    return client;
  }

  async function restart(meanwhile: () => Promise<void>): Promise<void> {
    await fixture.node.daemon.stop('SIGKILL');
    await meanwhile();
    await fixture.node.startDaemon(inTime());
  }

  afterEach(function () {
    if (this.currentTest?.state === 'failed') console.log(lines());
  });
  const lines = () => fixture.node.daemon.lines.join('\n');
  /** All VFs are home and can be given to pods. */
  async function allFree(): Promise<void> {
    const { hardware, kubelet } = fixture.node;
    await hardware.quiet();
    await kubelet.until(() => kubelet.resource('simulated.node/10G')?.allocatable === vfs, AbortSignal.timeout(30_000));
    expect(await hardware.homecomers()).to.equal(hardware.ports.length);
  }

  for (const { title, said, harmless, do: damage } of damages) {
    it(`whose journal ${title} starts, says so, gives nobody what others have, and has it all back in the end`, async function () {
      this.timeout(60_000);
      const [one, two] = [await connected(0), await connected(1)];
      const taken = [vfOf(one), vfOf(two)];
      await restart(() => damage(join(stateFolder(), 'journal')));
      expect(lines()).to.include(said);
      const third = await connected(2);
      for (const client of [one, two]) await expectUnmoved(client, harmless === true);
      const held = [one, two, third].map(vfOf);
      expect(new Set(held).size, held.join()).to.equal(3);
      expect([vfOf(one), vfOf(two)]).to.deep.equal(taken);
      for (const client of [one, two, third]) {
        await client.close();
        client[Symbol.dispose]();
      }
      await allFree();
    });
  }

  /**
   * A client asks again with what it has. A simulated VF does not show what it is: without a record it cannot be known,
   * and its client is refused rather than given another one.
   */
  async function expectUnmoved(client: SimulatedClient, mustGoOn: boolean): Promise<void> {
    const said = await client.request().then(
      () => undefined,
      (error: unknown) => (error as Error).message,
    );
    if (mustGoOn) expect(said).to.equal(undefined);
    if (said !== undefined) expect(said).to.include('already has an interface named');
  }

  it('on a full disk refuses new requests and closes old ones, also those that a killed one could not note', async function () {
    this.timeout(90_000);
    await fixture.node.daemon.stop('SIGKILL');
    await using disk = await SmallDisk.mount(stateFolder());
    await fixture.node.startDaemon(inTime());
    const [one, two] = [await connected(0), await connected(1)];
    await disk.fill();
    using late = await fixture.client();
    expect(await refusal('RESOURCE_EXHAUSTED', insist(late))).to.include('its disk is full');
    await one.request();
    await one.close();
    await restart(async () => undefined);
    await refusal('RESOURCE_EXHAUSTED', late.request({ token: fixture.token(2) }));
    await two.request();
    await two.close();
    await disk.free();
    await late.request({ token: fixture.token(2) });
    await late.close();
    await allFree();
    for (const client of [one, two]) client[Symbol.dispose]();
    await fixture.node.daemon.stop('SIGTERM');
  });

  /** What is left of a block may take the record of a first request or two. */
  async function insist(client: SimulatedClient): Promise<void> {
    for (let tries = 0; tries < 5; tries += 1) {
      await client.request({ token: fixture.token(2) });
      await client.close();
    }
  }

  it('in a read-only folder knows what is on record, refuses new requests and closes old ones', async function () {
    this.timeout(90_000);
    await using disk = await SmallDisk.mount(stateFolder());
    await fixture.node.startDaemon(inTime());
    const client = await connected(0);
    const vf = vfOf(client);
    await restart(() => disk.setReadOnly(true));
    expect(lines()).to.include('its file system is read-only');
    using late = await fixture.client();
    await refusal('RESOURCE_EXHAUSTED', late.request({ token: fixture.token(1) }));
    await client.request();
    expect(vfOf(client)).to.equal(vf);
    await client.close();
    await allFree();
    await disk.setReadOnly(false);
    await late.request({ token: fixture.token(1) });
    await late.close();
    client[Symbol.dispose]();
    await fixture.node.daemon.stop('SIGTERM');
  });
});
