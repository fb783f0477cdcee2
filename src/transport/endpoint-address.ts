import { ForwarderError } from '../ports/error.js';

/** Where to listen or to connect. A TCP host may be empty (all interfaces) for a listener. */
export type EndpointAddress =
  | { readonly kind: 'unix'; readonly path: string }
  | { readonly kind: 'tcp'; readonly host: string; readonly port: number };

const tcp = /^(?:tcp:\/\/)?(?:\[([0-9A-Fa-f:.]+)\]|([^/:[\]]*)):(\d{1,5})\/?$/;

/**
 * Reads `unix:///path`, `unix:/path`, `tcp://host:port`, `host:port`.
 *
 * @throws ForwarderError `invalid`, naming the value and the forms
 */
export function parseEndpointAddress(text: string): EndpointAddress {
  const path = /^unix:(?:\/\/)?(\/(?!\/).*)$/.exec(text)?.[1];
  if (path !== undefined) return { kind: 'unix', path };
  const [, v6, name, port] = tcp.exec(text) ?? [];
  if (port !== undefined && Number(port) <= 65535) return { kind: 'tcp', host: v6 ?? name ?? '', port: Number(port) };
  throw new ForwarderError(
    'invalid',
    `${JSON.stringify(text)} is no address: expected unix:///path or tcp://host:port`,
  );
}

/** The same address as grpc-js names it. */
export function grpcTarget(address: EndpointAddress): string {
  if (address.kind === 'unix') return `unix:${address.path}`;
  return address.host.includes(':') ? `[${address.host}]:${address.port}` : `${address.host}:${address.port}`;
}
