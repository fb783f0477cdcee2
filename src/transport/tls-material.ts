import { constants } from 'node:crypto';
import { createSecureContext, type SecureContext, type SecureContextOptions } from 'node:tls';
import type { X509Material } from '../ports/identity.js';
import { PeerCheck } from './peer-check.js';

/** An identity made ready for handshakes: parsed once per rotation, not once per connection. */
export interface TlsMaterial {
  readonly options: SecureContextOptions;
  readonly context: SecureContext;
  readonly check: PeerCheck;
}

const prepared = new WeakMap<X509Material, TlsMaterial>();

/** The prepared form of an identity; the same identity is prepared only once. */
export function tlsMaterial(material: X509Material): TlsMaterial {
  const known = prepared.get(material);
  if (known !== undefined) return known;
  const options = contextOptions(material);
  const made = { options, context: createSecureContext(options), check: new PeerCheck(material.bundles) };
  prepared.set(material, made);
  return made;
}

function contextOptions(material: X509Material): SecureContextOptions {
  return {
    cert: material.certificates.map((der) => pem('CERTIFICATE', der)).join(''),
    key: pem('PRIVATE KEY', material.privateKey),
    // Every trusted domain together: which of them may speak for whom is the peer check's business.
    ca: [...material.bundles.values()].flat().map((der) => pem('CERTIFICATE', der)),
    minVersion: 'TLSv1.2',
    // Go peers keep no tickets, and making them costs about 5 % of a connection.
    secureOptions: constants.SSL_OP_NO_TICKET,
    // A bundle may hold an intermediate CA (SPIRE with an upstream authority); it is trusted as it is.
    allowPartialTrustChain: true,
  };
}

function pem(label: string, der: Uint8Array): string {
  const lines = Buffer.from(der).toString('base64').replace(/.{64}/g, '$&\n').trimEnd();
  return `-----BEGIN ${label}-----\n${lines}\n-----END ${label}-----\n`;
}
