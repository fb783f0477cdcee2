import { type KeyObject, X509Certificate } from 'node:crypto';
import { ForwarderError } from '../ports/error.js';
import type { X509Material } from '../ports/identity.js';
import { readExtensions } from './certificate-extensions.js';
import { trustDomainOf } from './spiffe-id.js';

/** Who is at the other end of a connection, as its certificate proves. */
export interface PeerIdentity {
  readonly spiffeId: string;
  /** When its leaf ends, ms since the epoch. */
  readonly notAfter: number;
  /** Of its leaf: what it signs itself can be verified with it. */
  readonly publicKey: KeyObject;
}

/** A chain longer than this is no honest one. */
const longestChain = 8;

/** How many peers' results are kept; the same few peers connect again and again. */
const rememberedPeers = 256;

/**
 * The SPIFFE checks of nsm-wire 5.2 for one identity of our own: exactly one URI SAN that is a SPIFFE ID, a leaf that is no CA
 * and signs no certificates, and a chain to the bundle of the peer's **own** trust domain. OpenSSL has checked the chain
 * against all bundles together before; that alone would let a federated CA speak for anybody.
 */
export class PeerCheck {
  readonly #bundles: ReadonlyMap<string, readonly X509Certificate[]>;
  readonly #accepted = new Map<string, PeerIdentity>();

  constructor(bundles: X509Material['bundles']) {
    this.#bundles = new Map([...bundles].map(([name, list]) => [name, list.map((der) => new X509Certificate(der))]));
  }

  /**
   * @param leaf as `tlsSocket.getPeerX509Certificate()` gives it, with the certificates that the peer sent behind it
   * @param now ms since the epoch
   * @throws ForwarderError `unauthenticated`, naming the rule that the certificate breaks
   */
  verify(leaf: X509Certificate | undefined, now: number): PeerIdentity {
    if (leaf === undefined) throw refuse('the peer showed no certificate');
    const known = this.#accepted.get(leaf.fingerprint256);
    if (known !== undefined && now <= known.notAfter) return known;
    const identity = identityOf(leaf);
    this.#requireAnchor(leaf, identity, now);
    if (this.#accepted.size >= rememberedPeers) this.#accepted.clear();
    this.#accepted.set(leaf.fingerprint256, identity);
    return identity;
  }

  #requireAnchor(leaf: X509Certificate, { spiffeId }: PeerIdentity, now: number): void {
    const trustDomain = trustDomainOf(spiffeId);
    const anchors = this.#bundles.get(trustDomain);
    if (anchors === undefined) throw refuse(`${spiffeId}: trust domain ${trustDomain} is neither ours nor federated`);
    let link = leaf;
    for (let depth = 0; depth < longestChain; depth += 1) {
      if (!isValidAt(link, now)) throw refuse(`${spiffeId}: a certificate of its chain is not valid now`);
      if (anchors.some((anchor) => isIssuedBy(link, anchor) && isValidAt(anchor, now))) return;
      const issuer = link.issuerCertificate;
      if (issuer === undefined || issuer.fingerprint256 === link.fingerprint256 || !isIssuedBy(link, issuer)) break;
      link = issuer;
    }
    throw refuse(`${spiffeId}: its certificate does not lead to the bundle of trust domain ${trustDomain}`);
  }
}

function identityOf(leaf: X509Certificate): PeerIdentity {
  const { uris, signsCertificates } = readExtensions(leaf.raw);
  const [spiffeId] = uris;
  if (spiffeId === undefined || uris.length > 1) {
    throw refuse(`a SPIFFE certificate has exactly one URI name, the peer's has ${uris.length}`);
  }
  if (leaf.ca || signsCertificates)
    throw refuse(`${spiffeId}: the peer shows the certificate of a CA, not of a workload`);
  return { spiffeId, notAfter: Date.parse(leaf.validTo), publicKey: leaf.publicKey };
}

function isIssuedBy(certificate: X509Certificate, issuer: X509Certificate): boolean {
  return issuer.ca && certificate.checkIssued(issuer) && certificate.verify(issuer.publicKey);
}

function isValidAt(certificate: X509Certificate, now: number): boolean {
  return Date.parse(certificate.validFrom) <= now && now <= Date.parse(certificate.validTo);
}

function refuse(message: string): ForwarderError {
  return new ForwarderError('unauthenticated', message);
}
