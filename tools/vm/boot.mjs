import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { run } from '../child.mjs';
import { machineTool } from './machine-tool.mjs';

/** QEMU's exit status when the machine ended itself (see guest-init.sh), and what it says of the command. */
const verdicts = new Map([
  [1, true],
  [3, false],
]);

/**
 * Boots the machine with a second disk, runs the command on it and returns what it wrote. Disks stay as they are.
 *
 * @param {{ machine: string, disk: string, work: string, minutes: number }} what
 * @returns {Promise<{ output: string, endedWell: boolean }>}
 */
export async function boot({ machine, disk, work, minutes }) {
  const consoleFile = join(work, 'console');
  const qemu = machineTool(machine, 'bin/qemu-system-x86_64');
  const { status, output } = await run(
    [...qemu, ...machineArguments(machine), ...outputs(consoleFile), ...disks(machine, disk)],
    {
      minutes,
      graceSeconds: 5,
      keepOutput: true,
    },
  );
  const endedWell = verdicts.get(status);
  if (endedWell !== undefined) return { output, endedWell };
  console.error(`the emulated machine ended without a verdict (QEMU's status ${status}); the end of its console:`);
  if (existsSync(consoleFile))
    console.error(readFileSync(consoleFile, 'utf8').trimEnd().split('\n').slice(-30).join('\n'));
  return { output, endedWell: false };
}

/**
 * On a busy host, emulated processors now and then sleep through the one timer interrupt that would wake them ("Possible
 * timer handling issue on cpu"), and the machine with them: a tick that comes again and again wakes them with the next one.
 * The same at boot: "timer not connected to IO-APIC".
 */
const clock = 'nohz=off highres=off no_timer_check';

/**
 * Three SR-IOV cards behind an IOMMU, each on a root port of its own and all on one wire. The third one's port does not
 * part its functions: the PF and its VFs are one IOMMU group.
 */
function machineArguments(machine) {
  return [
    ...['-nodefaults', '-no-user-config', '-display', 'none', '-no-reboot'],
    ...['-L', join(machine, 'tools/usr/share/qemu'), '-L', join(machine, 'tools/usr/share/seabios')],
    ...['-machine', 'q35', '-accel', 'tcg,thread=multi', '-cpu', 'max', '-smp', '2', '-m', '1024'],
    ...['-kernel', join(machine, 'vmlinux'), '-initrd', join(machine, 'initrd.img')],
    '-append',
    `console=ttyS0 quiet panic=-1 intel_iommu=on iommu=pt ${clock}`,
    ...['-device', 'intel-iommu,intremap=on'],
    ...[1, 2, 3].flatMap((slot) => [
      ...['-netdev', `hubport,id=wire${slot},hubid=0`],
      ...[
        '-device',
        `pcie-root-port,id=port${slot},chassis=${slot},slot=${slot}${slot === 3 ? ',disable-acs=on' : ''}`,
      ],
      ...['-device', `igb,bus=port${slot},netdev=wire${slot},mac=52:54:00:82:57:6${slot}`],
    ]),
    ...['-object', 'rng-random,id=random,filename=/dev/urandom', '-device', 'virtio-rng-pci,rng=random'],
    ...['-device', 'isa-debug-exit,iobase=0xf4,iosize=1'],
  ];
}

/** The command's output becomes QEMU's own; the kernel's goes to a file. */
function outputs(consoleFile) {
  return [
    ...['-chardev', `file,id=console,path=${consoleFile}`, '-serial', 'chardev:console'],
    ...['-chardev', 'stdio,id=output,signal=off', '-serial', 'chardev:output'],
  ];
}

function disks(machine, disk) {
  return [join(machine, 'root.img'), disk].flatMap((file, i) => [
    ...['-drive', `if=none,id=disk${i},file=${file},format=raw,snapshot=on`],
    ...['-device', `virtio-blk-pci,drive=disk${i}`],
  ]);
}
