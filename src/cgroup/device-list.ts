import type { DeviceNumber, Modes } from '../ports/device-access.js';

/** What `devices.list` says (kernel: Documentation/admin-guide/cgroup-v1/devices.rst). */
export interface DeviceList {
  /** All devices are allowed, less exceptions that the file does not show. */
  readonly everything: boolean;
  /** Rules for character devices; undefined stands for any number. */
  readonly rules: readonly { readonly major?: number; readonly minor?: number; readonly modes: Modes }[];
}

const allModes = ['', 'r', 'w', 'm', 'rw', 'rm', 'wm', 'rwm'] as const satisfies readonly Modes[];

/** Reads the file. A line that makes no sense is about nothing that concerns us: it spoils no other. */
export function parseDeviceList(text: string): DeviceList {
  const lines = text.split('\n').flatMap((line) => {
    const match = /^([abc]) (\*|\d+):(\*|\d+) ([rwm]+)$/.exec(line.trim());
    return match === null ? [] : [match];
  });
  return {
    everything: lines.some(([, type]) => type === 'a'),
    rules: lines
      .filter(([, type]) => type === 'c')
      .map(([, , major = '*', minor = '*', modes = '']) => ({
        ...(major !== '*' && { major: Number(major) }),
        ...(minor !== '*' && { minor: Number(minor) }),
        modes: modesOf(modes),
      })),
  };
}

/**
 * True when processes may open the device for reading and writing, and make its node. One rule has to allow both
 * directions: the kernel does not add rules up.
 */
export function allowsDevice({ everything, rules }: DeviceList, device: DeviceNumber): boolean {
  const fitting = rules.filter(
    ({ major = device.major, minor = device.minor }) => major === device.major && minor === device.minor,
  );
  const some = (wanted: Modes) => fitting.some(({ modes }) => without(wanted, modes) === '');
  return everything || (some('rw') && some('m'));
}

/** What the rule for exactly this device allows. */
export function exactModes({ rules }: DeviceList, device: DeviceNumber): Modes {
  const exact = rules.find(({ major, minor }) => major === device.major && minor === device.minor);
  return exact?.modes ?? '';
}

/** The modes that are in one and not in the other. */
export function without(modes: Modes, others: Modes): Modes {
  return modesOf([...modes].filter((mode) => !others.includes(mode)).join(''));
}

function modesOf(letters: string): Modes {
  return (
    allModes.find(
      (modes) => modes.length === new Set(letters).size && [...modes].every((it) => letters.includes(it)),
    ) ?? ''
  );
}
