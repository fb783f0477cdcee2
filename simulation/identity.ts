import type { CertificateSource, X509Material } from '../src/ports/identity.js';

/** An identity that is there from the start and never changes. */
export function fixedIdentity(material: X509Material): CertificateSource {
  return {
    current: () => material,
    ready: () => Promise.resolve(material),
    onChange: () => ({ [Symbol.dispose]: () => undefined }),
  };
}
