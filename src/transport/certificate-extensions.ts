import { type DerElement, derElements } from './der.js';

/** What RFC 5280 puts in extensions and Node's X509Certificate does not tell, or tells as text that needs parsing. */
export interface CertificateExtensions {
  /** The URIs among the subject alternative names. */
  readonly uris: readonly string[];
  /** keyCertSign or cRLSign is among the key usages. */
  readonly signsCertificates: boolean;
}

const subjectAltName = '551d11'; // 2.5.29.17
const keyUsage = '551d0f'; // 2.5.29.15
const uriName = 0x86;
const extensionsTag = 0xa3;
/** Bits 5 (keyCertSign) and 6 (cRLSign), counted from the top of the first byte. */
const signingBits = 0b0000_0110;

/**
 * Reads a DER certificate.
 *
 * @throws ForwarderError `invalid` when it is malformed
 */
export function readExtensions(certificate: Uint8Array): CertificateExtensions {
  const extensions = extensionsOf(certificate);
  const names = extensions.get(subjectAltName);
  const usage = extensions.get(keyUsage);
  return {
    uris: names === undefined ? [] : inside(names).filter(isUri).map(asText),
    // A BIT STRING's first content byte counts its unused bits.
    signsCertificates: usage !== undefined && ((usage.content[1] ?? 0) & signingBits) !== 0,
  };
}

/** Extension values by hexadecimal OID, unwrapped from their OCTET STRING. */
function extensionsOf(certificate: Uint8Array): Map<string, DerElement> {
  const [outer] = derElements(certificate);
  const [body] = inside(outer);
  const wrapper = inside(body).find(({ tag }) => tag === extensionsTag);
  const [list] = inside(wrapper);
  return new Map(inside(list).flatMap(extension));
}

function extension(element: DerElement): [string, DerElement][] {
  // SEQUENCE { OID, critical BOOLEAN DEFAULT FALSE, OCTET STRING }
  const members = inside(element);
  const [oid] = members;
  const [value] = inside(members.at(-1));
  return oid === undefined || value === undefined ? [] : [[Buffer.from(oid.content).toString('hex'), value]];
}

function inside(element: DerElement | undefined): DerElement[] {
  return element === undefined ? [] : derElements(element.content);
}

function isUri(name: DerElement): boolean {
  return name.tag === uriName;
}

function asText(name: DerElement): string {
  return Buffer.from(name.content).toString('latin1');
}
