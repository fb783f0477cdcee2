import { constants, openSync } from 'node:fs';
import { Socket } from 'node:net';

/**
 * Reads PCI addresses written to a named pipe, which stands for a write-only attribute such as `bind`. Held open for
 * reading and writing, so that no writer waits and the last one to leave does not end it. Writers that forget the line
 * end may run together: addresses are told apart by their form.
 */
export function readCommandPipe(file: string, onAddress: (address: string) => void): Disposable {
  const descriptor = openSync(file, constants.O_RDWR | constants.O_NONBLOCK);
  const socket = new Socket({ fd: descriptor, readable: true, writable: false });
  socket.on('data', (data: Buffer) => {
    for (const [address] of data.toString('latin1').matchAll(/[0-9a-f]{4,8}:[0-9a-f]{2}:[0-9a-f]{2}\.[0-7]/g)) {
      onAddress(address);
    }
  });
  return { [Symbol.dispose]: () => socket.destroy() };
}
