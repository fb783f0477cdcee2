import 'reflect-metadata';
import { webcrypto } from 'node:crypto';
import {
  BasicConstraintsExtension,
  ExtendedKeyUsageExtension,
  type Extension,
  KeyUsageFlags,
  KeyUsagesExtension,
  SubjectAlternativeNameExtension,
  type X509Certificate,
  X509CertificateGenerator,
} from '@peculiar/x509';
import type { X509Material } from '../src/ports/identity.js';

/** What a leaf may differ in; the defaults are those of SPIRE. */
export interface LeafOptions {
  /** ms since the epoch; an hour from now unless given. */
  readonly notAfter?: number;
  /** Replaces the one URI name. */
  readonly uris?: readonly string[];
  readonly isCa?: boolean;
  readonly rsaKey?: boolean;
  /** Whom the identity trusts besides its own domain. */
  readonly federated?: readonly CertificateAuthority[];
}

type Keys = webcrypto.CryptoKeyPair;

const ecdsa = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
const rsa = {
  name: 'RSASSA-PKCS1-v1_5',
  hash: 'SHA-256',
  publicExponent: new Uint8Array([1, 0, 1]),
  modulusLength: 2048,
};
const hour = 3_600_000;
const serverAuth = '1.3.6.1.5.5.7.3.1';
const clientAuth = '1.3.6.1.5.5.7.3.2';

/** A certificate authority of one trust domain, for the demo and the tests: its keys live in this process only. */
export class CertificateAuthority {
  readonly trustDomain: string;
  readonly #keys: Keys;
  readonly #certificate: X509Certificate;

  private constructor(trustDomain: string, keys: Keys, certificate: X509Certificate) {
    this.trustDomain = trustDomain;
    this.#keys = keys;
    this.#certificate = certificate;
  }

  /** A new self-signed CA. */
  static async create(trustDomain: string): Promise<CertificateAuthority> {
    const keys = await generateKeys(false);
    const certificate = await X509CertificateGenerator.createSelfSigned({
      serialNumber: serialNumber(),
      name: `CN=CA of ${trustDomain}`,
      ...validity(24 * hour),
      signingAlgorithm: ecdsa,
      keys,
      extensions: [...caExtensions(), uriNames([`spiffe://${trustDomain}`])],
    });
    return new CertificateAuthority(trustDomain, keys, certificate);
  }

  /** The CA's certificate, DER. */
  get certificate(): Uint8Array {
    return new Uint8Array(this.#certificate.rawData);
  }

  /** A new leaf for `spiffe://<trust domain><path>`, ready for use. */
  async issue(path: string, options: LeafOptions = {}): Promise<X509Material> {
    const spiffeId = `spiffe://${this.trustDomain}${path}`;
    const notAfter = options.notAfter ?? Date.now() + hour;
    const keys = await generateKeys(options.rsaKey === true);
    const leaf = await X509CertificateGenerator.create({
      serialNumber: serialNumber(),
      subject: `CN=${path.slice(1)}`,
      issuer: this.#certificate.subject,
      ...validity(0),
      notAfter: new Date(notAfter),
      signingAlgorithm: ecdsa,
      publicKey: keys.publicKey,
      signingKey: this.#keys.privateKey,
      extensions: [...(options.isCa ? caExtensions() : leafExtensions()), uriNames(options.uris ?? [spiffeId])],
    });
    const authorities = [this, ...(options.federated ?? [])];
    return {
      spiffeId,
      certificates: [new Uint8Array(leaf.rawData)],
      privateKey: new Uint8Array(await webcrypto.subtle.exportKey('pkcs8', keys.privateKey)),
      bundles: new Map(authorities.map((authority) => [authority.trustDomain, [authority.certificate]])),
      // Certificates count whole seconds.
      notAfter: Math.floor(notAfter / 1000) * 1000,
    };
  }
}

function generateKeys(useRsa: boolean): Promise<Keys> {
  return webcrypto.subtle.generateKey(useRsa ? rsa : ecdsa, true, ['sign', 'verify']) as Promise<Keys>;
}

function serialNumber(): string {
  // Positive and not empty whatever comes: DER integers are signed.
  return `01${Buffer.from(webcrypto.getRandomValues(new Uint8Array(15))).toString('hex')}`;
}

function validity(length: number): { notBefore: Date; notAfter: Date } {
  const now = Date.now();
  return { notBefore: new Date(now - 60_000), notAfter: new Date(now + length) };
}

function caExtensions(): Extension[] {
  const usages = KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign;
  return [new BasicConstraintsExtension(true, undefined, true), new KeyUsagesExtension(usages, true)];
}

function leafExtensions(): Extension[] {
  return [
    new BasicConstraintsExtension(false, undefined, true),
    new KeyUsagesExtension(KeyUsageFlags.digitalSignature, true),
    new ExtendedKeyUsageExtension([serverAuth, clientAuth]),
  ];
}

function uriNames(uris: readonly string[]): Extension {
  return new SubjectAlternativeNameExtension(uris.map((value) => ({ type: 'url', value })));
}
