import { broken, type Parsed, valid } from '../parsed.js';

/** A TCP address. An IPv6 host stands without brackets; an empty host means every interface. */
export interface HostPort {
  readonly host: string;
  readonly port: number;
}

const form = /^(?:\[([0-9A-Fa-f:.]+(?:%\w+)?)\]|([A-Za-z0-9._-]*)):(\d{1,5})$/;

function parseHostPort(text: string): HostPort | undefined {
  const match = form.exec(text);
  const port = Number(match?.[3]);
  return match === null || port > 65535 ? undefined : { host: match[1] ?? match[2] ?? '', port };
}

/** Reads where to connect: `host:port` or `[v6]:port`, both needed. */
export function parseDialAddress(text: string): Parsed<HostPort> {
  const address = parseHostPort(text);
  return address === undefined || address.host === '' || address.port === 0
    ? broken('must be host:port, port 1-65535, an IPv6 host in brackets')
    : valid(address);
}

/** Reads where to listen: as {@link parseDialAddress}, but no host means every interface and port 0 any free port. */
export function parseListenAddress(text: string): Parsed<HostPort> {
  const address = parseHostPort(text);
  return address === undefined
    ? broken('must be host:port or :port, port 0-65535, an IPv6 host in brackets')
    : valid(address);
}
