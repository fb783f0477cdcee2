import { readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { daemonCommand, inheritedEnvironment } from '../../simulation/daemon-process.js';
import { RunningProgram } from '../../simulation/running-program.js';
import type { NamespaceFile } from '../../src/native/network-namespace.js';
import { skipBecause } from '../skip-because.js';

/** What a node's forwarder is started with, and which of its lines say what the tests want to know. */
interface Forwarder {
  readonly command: readonly [string, ...string[]];
  readonly registered: string;
  /** It was given a certificate, the first one or the next. */
  readonly certificate: string;
}

/** The folder with the Go forwarder's chain; the lane names it when that is to be in the daemon's place. */
const goFolder = process.env['GO_FORWARDER'] ?? '';

const ours: Forwarder = {
  command: daemonCommand('compiled'),
  registered: 'phase: registered',
  certificate: 'X.509 SVID spiffe:',
};

const underTest: Forwarder =
  goFolder === ''
    ? ours
    : {
        command: [join(goFolder, 'go-forwarder')],
        registered: '{"event":"registered"}',
        certificate: '{"event":"certificate"}',
      };

/** The program that SPIRE knows the forwarder by. */
export const [forwarderProgram] = underTest.command;

/** The forwarder in the middle of a mesh: our compiled daemon, or on demand the Go forwarder's own chain in its place. */
export class ForwarderUnderTest extends RunningProgram {
  /** @param env - of its own */
  constructor(home: NamespaceFile, env: Readonly<Record<string, string>>) {
    const { command } = underTest;
    super({ name: 'the forwarder', command, namespace: home, env: { ...inheritedEnvironment(), ...env } });
  }

  /** Resolves when it is registered. */
  async registered(signal: AbortSignal): Promise<void> {
    await this.logged(underTest.registered, signal);
  }

  /** How often its certificate was replaced. */
  get rotations(): number {
    return this.lines.filter((line) => line.includes(underTest.certificate)).length - 1;
  }
}

/**
 * Does what has to be done to VFs before VFIO is asked for. The daemon names each to vfio-pci when it needs to; the Go
 * forwarder (B12) leaves it to whoever runs it.
 *
 * @param devices - the folder of the node's PCI functions
 * @param pf - the address of the only one that is no VF
 */
export async function prepareForVfio(devices: string, pf: string): Promise<void> {
  if (underTest === ours) return;
  const vfs = (await readdir(devices)).filter((address) => address !== pf);
  for (const vf of vfs) await writeFile(join(devices, vf, 'driver_override'), 'vfio-pci\n');
}

/**
 * Skips a test where the Go forwarder's chain is in the daemon's place, which is known not to do what it asks. All that is
 * skipped so stands in docs/decisions/the-go-forwarder-in-our-place.md.
 *
 * @param how - what it does instead, with its numbers in docs/compared-with-go.md where it has some
 */
export function goForwarderDiffers(context: Mocha.Context, how: string): void {
  if (underTest !== ours) skipBecause(context, `the Go forwarder ${how}`);
}
