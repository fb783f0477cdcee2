import { broken, type Parsed, valid } from '../parsed.js';
import { type HostPort, parseDialAddress, parseListenAddress } from './host-port.js';

/** Where a gRPC peer is: a unix socket's absolute path, or a TCP address. */
export type SocketUrl = { readonly kind: 'unix'; readonly path: string } | ({ readonly kind: 'tcp' } & HostPort);

const form = 'must be unix:///absolute/path or tcp://host:port';
/** `sun_path` of unix(7) has 108 bytes, one for the final zero. */
const longestPath = 107;

function decoded(path: string): string | undefined {
  try {
    return decodeURIComponent(path);
  } catch {
    return undefined;
  }
}

function parseUnixPath(encoded: string): Parsed<SocketUrl> {
  const path = decoded(encoded);
  if (path === undefined || path.includes('\0') || path.endsWith('/')) return broken(form);
  const bytes = Buffer.byteLength(path);
  return bytes > longestPath
    ? broken(`has a path of ${bytes} bytes and a unix socket's has at most ${longestPath}`)
    : valid({ kind: 'unix', path });
}

function parseSocketUrl(text: string, parseAddress: (text: string) => Parsed<HostPort>): Parsed<SocketUrl> {
  // Neither the WHATWG parser nor Go's takes both `tcp://:5000` and a unix path for what they are.
  const match = /^(?:unix:(?:\/\/)?(\/(?!\/)[^?#]*)|tcp:\/\/([^/?#@]*))$/i.exec(text);
  if (match?.[1] !== undefined) return parseUnixPath(match[1]);
  if (match?.[2] === undefined) return broken(form);
  const address = parseAddress(match[2]);
  return address.ok ? valid({ kind: 'tcp', ...address.value }) : broken(`${form}, and its address ${address.rule}`);
}

/** Reads the URL of a peer to connect to. Percent escapes in a path are resolved; user, query and fragment are wrong. */
export function parseDialUrl(text: string): Parsed<SocketUrl> {
  return parseSocketUrl(text, parseDialAddress);
}

/** Reads a URL to listen on: as {@link parseDialUrl}, but the TCP host may be missing and the port 0. */
export function parseListenUrl(text: string): Parsed<SocketUrl> {
  return parseSocketUrl(text, parseListenAddress);
}
