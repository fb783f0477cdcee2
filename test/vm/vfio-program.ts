/**
 * Uses a VF's device as a driver in user space does (kernel: Documentation/driver-api/vfio.rst). It is a program of its
 * own, so that it can be put into a cgroup, killed, and kept alive. One command a line, one answer a line.
 *
 * - `open <container node> <group node> <function>`: opens both and the device, and reads its PCI configuration space
 * - `close`: lets go of everything
 */
import { closeSync, openSync, readSync } from 'node:fs';
import { createInterface } from 'node:readline';
import koffi from 'koffi';

/** What `open` says. */
export interface OpenAnswer {
  /** The errno and the step at which it came; absent when all went well. */
  readonly failure?: { readonly step: string; readonly errno: string };
  /** Vendor and device, as the configuration space has them. */
  readonly ids?: string;
}

const libc = koffi.load(null);
const ioctl: (fd: number, request: number, argument: number) => number = libc.func(
  'int ioctl(int fd, unsigned long request, intptr_t argument)',
);
const ioctlWith: (fd: number, request: number, argument: Uint8Array) => number = libc.func(
  'int ioctl(int fd, unsigned long request, void *argument)',
);

// linux/vfio.h
const VFIO_SET_IOMMU = 0x3b66;
const VFIO_GROUP_GET_STATUS = 0x3b67;
const VFIO_GROUP_SET_CONTAINER = 0x3b68;
const VFIO_GROUP_GET_DEVICE_FD = 0x3b6a;
const VFIO_DEVICE_GET_REGION_INFO = 0x3b6c;
const VFIO_TYPE1v2_IOMMU = 3;
const VFIO_PCI_CONFIG_REGION_INDEX = 7;

const open: number[] = [];

class Failure extends Error {
  readonly step: string;
  readonly errno: string;

  constructor(step: string, errno: string) {
    super(`${step}: ${errno}`);
    this.step = step;
    this.errno = errno;
  }
}

function openNode(path: string): number {
  try {
    const fd = openSync(path, 'r+');
    open.push(fd);
    return fd;
  } catch (error) {
    throw new Failure(`open ${path}`, (error as NodeJS.ErrnoException).code ?? String(error));
  }
}

function checked(step: string, result: number): number {
  if (result >= 0) return result;
  const errno = Object.entries(koffi.os.errno).find(([, number]) => number === koffi.errno())?.[0];
  throw new Failure(step, errno ?? String(koffi.errno()));
}

function words(...values: readonly number[]): Uint8Array {
  return new Uint8Array(Uint32Array.from(values).buffer);
}

function readIds(containerNode: string, groupNode: string, address: string): string {
  const container = openNode(containerNode);
  const group = openNode(groupNode);
  const status = words(8, 0);
  checked('GROUP_GET_STATUS', ioctlWith(group, VFIO_GROUP_GET_STATUS, status));
  if (((status[4] ?? 0) & 1) === 0) throw new Failure('GROUP_GET_STATUS', 'not viable');
  checked('GROUP_SET_CONTAINER', ioctlWith(group, VFIO_GROUP_SET_CONTAINER, words(container)));
  checked('SET_IOMMU', ioctl(container, VFIO_SET_IOMMU, VFIO_TYPE1v2_IOMMU));
  const name = Buffer.from(`${address}\0`);
  const device = checked('GET_DEVICE_FD', ioctlWith(group, VFIO_GROUP_GET_DEVICE_FD, name));
  open.push(device);
  const region = words(32, 0, VFIO_PCI_CONFIG_REGION_INDEX, 0, 0, 0, 0, 0);
  checked('GET_REGION_INFO', ioctlWith(device, VFIO_DEVICE_GET_REGION_INFO, region));
  const config = Buffer.alloc(4);
  readSync(device, config, 0, 4, new DataView(region.buffer).getBigUint64(24, true));
  return `${config.readUInt16LE(0).toString(16)}:${config.readUInt16LE(2).toString(16)}`;
}

function closeAll(): void {
  for (const fd of open.splice(0).reverse()) closeSync(fd);
}

function answer([command, containerNode = '', groupNode = '', address = '']: readonly string[]): OpenAnswer {
  if (command === 'close') {
    closeAll();
    return {};
  }
  try {
    return { ids: readIds(containerNode, groupNode, address) };
  } catch (error) {
    closeAll();
    if (!(error instanceof Failure)) throw error;
    return { failure: { step: error.step, errno: error.errno } };
  }
}

createInterface({ input: process.stdin }).on('line', (line) => {
  process.stdout.write(`${JSON.stringify(answer(line.split(' ')))}\n`);
});
