import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { connect, type TLSSocket } from 'node:tls';
import type { Clock } from '../ports/clock.js';
import { ForwarderError } from '../ports/error.js';
import type { X509Material } from '../ports/identity.js';
import type { PeerIdentity } from './peer-check.js';
import { tlsMaterial } from './tls-material.js';

/** A stream secured from the client's side. */
export interface SecuredStream {
  readonly tls: TLSSocket;
  readonly identity: PeerIdentity;
}

/**
 * The client's half of a mutual TLS handshake with the SPIFFE checks in place of the host name's.
 *
 * @throws ForwarderError `unauthenticated` (peer refused, by us or by it), `unavailable` (connection lost); the stream is
 * destroyed then
 */
export async function tlsConnect(transport: Duplex, material: X509Material, clock: Clock): Promise<SecuredStream> {
  const { context, check } = tlsMaterial(material);
  const tls = connect({
    socket: transport,
    secureContext: context,
    ALPNProtocols: ['h2'],
    checkServerIdentity: () => undefined,
  });
  const lost = new AbortController();
  tls.once('close', () => {
    lost.abort();
    transport.destroy();
  });
  transport.once('close', () => tls.destroy());
  try {
    await once(tls, 'secureConnect', { signal: lost.signal });
    if (tls.alpnProtocol !== 'h2')
      throw new ForwarderError('unauthenticated', 'the peer does not speak HTTP/2 (ALPN h2)');
    return { tls, identity: check.verify(tls.getPeerX509Certificate(), clock.wallTime()) };
  } catch (error) {
    tls.on('error', () => {});
    tls.destroy();
    transport.destroy();
    throw asHandshakeError(error);
  }
}

function asHandshakeError(error: unknown): ForwarderError {
  if (error instanceof ForwarderError) return error;
  const { name, message } = error as Error;
  if (name === 'AbortError')
    return new ForwarderError('unavailable', 'the connection was closed during the TLS handshake');
  return new ForwarderError('unauthenticated', `TLS handshake failed: ${message}`, { cause: error });
}
