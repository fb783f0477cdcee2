/** A SPIFFE X.509 identity with all that a handshake needs, as plain data. A rotation makes a new object. */
export interface X509Material {
  /** `spiffe://<trust domain>/<path>` of the leaf. */
  readonly spiffeId: string;
  /** DER certificates, leaf first, then its intermediates. */
  readonly certificates: readonly Uint8Array[];
  /** PKCS#8, DER. */
  readonly privateKey: Uint8Array;
  /** DER CA certificates by trust domain name (`example.org`): our own and every federated one. */
  readonly bundles: ReadonlyMap<string, readonly Uint8Array[]>;
  /** When the leaf ends, ms since the epoch. */
  readonly notAfter: number;
}

/** Where this process's identity comes from. It changes while the process runs: ask for it each time, keep none. */
export interface CertificateSource {
  /** The identity of this moment; undefined before the first one came. */
  current(): X509Material | undefined;
  /**
   * The current identity, as soon as there is one.
   *
   * @throws ForwarderError the signal's reason, or why there will never be one
   */
  ready(signal: AbortSignal): Promise<X509Material>;
  /** Calls the listener after every change until disposed. */
  onChange(listener: (material: X509Material) => void): Disposable;
}

/** A token as the path of a connection carries it. */
export interface IssuedToken {
  readonly token: string;
  /** When it ends, ms since the epoch: the very instant that the claim inside names. */
  readonly expires: number;
}

/** Signs tokens in this process's name. */
export interface TokenIssuer {
  /**
   * A token for one peer.
   *
   * @param audience the peer's SPIFFE ID; without one the token names no audience
   * @param latest end of the peer's certificate, ms since the epoch: the token ends no later
   * @throws ForwarderError `unavailable` before the first identity, `unsupported` when its key cannot sign ES256
   */
  issue(audience: string | undefined, latest?: number): IssuedToken;
}
