// What the node's listener, its status and its metrics ask of certificates, in process.
import type { ClusterId, ErrorReport, Principal } from '@hansa/foundation';
import type { SubjectKind } from './spiffe.ts';

/** A client certificate that was found to be good. */
export interface ProvenCertificate {
  readonly cluster: ClusterId;
  readonly kind: SubjectKind;
  readonly name: string;
  /** Whom it speaks for; a node's speaks for nobody. */
  readonly principal?: Principal | undefined;
  readonly serial: string;
  /** In whole seconds, as its issuer says. */
  readonly issuedMs: number;
  readonly notAfterMs: number;
}

/** What a TLS listener shows, and whom it asks its clients to be vouched for by; PEM. */
export interface ListenerIdentity {
  readonly certificate: string;
  readonly privateKey: string;
  readonly authorities: readonly string[];
}

export interface CertificateTrust {
  /** Made at the first call: the authority, and this node's own certificate. */
  listener(): Promise<ListenerIdentity>;
  /**
   * CERTIFICATE_MALFORMED, CERTIFICATE_UNFIT, CERTIFICATE_UNTRUSTED, CERTIFICATE_EXPIRED or
   * CERTIFICATE_REVOKED; DER.
   */
  verify(certificate: Uint8Array): Promise<ProvenCertificate>;
  /** Called when the listener's identity, or what counts, may have changed. */
  subscribe(changed: () => void): () => void;
}

/** A certificate that runs out, and when: for status, metrics and logs. */
export interface Expiry {
  readonly what: 'root' | 'node' | 'issued' | 'peer root';
  /** A SPIFFE id or a trust domain. */
  readonly subject: string;
  readonly serial: string;
  readonly notAfterMs: number;
  readonly leftMs: number;
  /** Less is left than ever should be: whoever renews it is late. */
  readonly ending: boolean;
}

export interface CertificateExpiries {
  /** The last of each subject's alone: what was renewed runs out in peace. */
  expiries(): readonly Expiry[];
  warnings(): readonly ErrorReport[];
}
