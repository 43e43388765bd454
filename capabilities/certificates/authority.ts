// What certificates are made and read with: X.509 stays behind this door. Keys and certificates
// pass it as PEM, public keys as DER. Drivers: certificates-x509.

export interface KeyPair {
  /** PKCS #8, PEM. */
  readonly privateKey: string;
  /** SubjectPublicKeyInfo, DER. */
  readonly publicKey: Uint8Array;
}

/** An authority: its certificate and the key that signs for it, both PEM. */
export interface Issuer {
  readonly certificate: string;
  readonly privateKey: string;
}

export interface Lifetime {
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
}

export interface RootRequest extends Lifetime {
  readonly key: KeyPair;
  /** `spiffe://<cluster id>`. */
  readonly trustDomain: string;
  readonly serial: string;
}

export interface LeafRequest extends Lifetime {
  readonly publicKey: Uint8Array;
  readonly serial: string;
  readonly spiffeId: string;
  readonly dns: readonly string[];
  readonly ips: readonly string[];
  readonly client: boolean;
  readonly server: boolean;
}

/** What a request says of itself; its own signature has been checked. */
export interface SigningRequest {
  readonly publicKey: Uint8Array;
  readonly uris: readonly string[];
  readonly dns: readonly string[];
  readonly ips: readonly string[];
}

export interface RevokedSerial {
  readonly serial: string;
  readonly revokedMs: number;
}

export interface RevocationRequest {
  readonly number: number;
  readonly thisUpdateMs: number;
  readonly nextUpdateMs: number;
  readonly revoked: readonly RevokedSerial[];
}

/** The public key in the words of a JSON Web Key. */
export interface WebKey {
  readonly kty: 'EC';
  readonly crv: 'P-256';
  readonly x: string;
  readonly y: string;
}

/** A certificate as it says of itself; nothing about who signed it is believed yet. */
export interface ReadCertificate extends SigningRequest, Lifetime {
  /** PEM, and the same as DER. */
  readonly certificate: string;
  readonly der: Uint8Array;
  /** Lower-case hex without leading zeros. */
  readonly serial: string;
  readonly subject: string;
  /** Names of a kind that is neither a URI, a DNS name nor an address. */
  readonly otherNames: number;
  readonly isAuthority: boolean;
  readonly client: boolean;
  readonly server: boolean;
  /** Absent for a key of another kind than we make. */
  readonly webKey?: WebKey | undefined;
}

/** ECDSA on P-256, which every browser and library reads. */
export interface CertificateMaker {
  makeKey(): Promise<KeyPair>;
  makeRoot(request: RootRequest): Promise<string>;
  issue(issuer: Issuer, leaf: LeafRequest): Promise<string>;
  /** PEM, to be read by anybody. */
  revocationList(issuer: Issuer, request: RevocationRequest): Promise<string>;
  /** CERTIFICATE_MALFORMED where it is none, or its own signature does not fit. */
  readRequest(text: string): Promise<SigningRequest>;
  /** PEM or DER; CERTIFICATE_MALFORMED. */
  read(certificate: string | Uint8Array): Promise<ReadCertificate>;
  /** Whether the root's key signed it, and the root names itself as its issuer. */
  isSignedBy(certificate: Uint8Array, root: Uint8Array): Promise<boolean>;
}
