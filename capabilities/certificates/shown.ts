// What people and programs are shown of certificates, roles, authorities and bundles.
import type { ClusterId } from '@hansa/foundation';
import type { WebKey } from './authority.ts';
import type { IssuedKind } from './spiffe.ts';
import type { Expiry } from './uses.ts';

/** Bounds within which certificates are issued. */
export interface CertificateRole {
  readonly role: string;
  readonly kinds: readonly IssuedKind[];
  /** Patterns of names: `*` within a segment, `**` across. */
  readonly names: readonly string[];
  /** Patterns of DNS names: `*` is one label. */
  readonly dns: readonly string[];
  /** Addresses, whole, or `*`. */
  readonly ips: readonly string[];
  readonly ttlMaxMs: number;
  readonly client: boolean;
  readonly server: boolean;
  /** Comes with the node, and cannot be changed. */
  readonly builtIn: boolean;
}

/** A certificate that was issued here; never its key. */
export interface CertificateRow {
  readonly serial: string;
  readonly spiffeId: string;
  readonly role: string;
  readonly dns: readonly string[];
  readonly ips: readonly string[];
  readonly issuedMs: number;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  /** Of the authority that signed it. */
  readonly root: string;
  readonly revokedMs?: number | undefined;
  readonly reason?: string | undefined;
}

export interface IssueRequest {
  /** `user:anna`, `service:ci`, `workload:web`. */
  readonly subject: string;
  /** The built-in one of the subject's kind where absent. */
  readonly role?: string | undefined;
  /** A PEM request: then the key stays where it was made. */
  readonly request?: string | undefined;
  readonly dns?: readonly string[] | undefined;
  readonly ips?: readonly string[] | undefined;
  readonly ttlMs?: number | undefined;
}

export interface IssuedCertificate extends CertificateRow {
  readonly certificate: string;
  /** Shown this once; absent where a request came. */
  readonly privateKey?: string | undefined;
  /** The authorities of this cluster, to verify its servers with; PEM, one after the other. */
  readonly authorities: string;
}

/** An authority of this cluster: one signs, others are yet to or have signed. */
export interface RootView {
  readonly serial: string;
  readonly state: 'next' | 'signing' | 'retiring';
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly signsFromMs: number;
  readonly certificate: string;
  /** Certificates of it that still count. */
  readonly issued: number;
}

export interface AuthorityView {
  readonly trustDomain: string;
  readonly roots: readonly RootView[];
}

/** What a rotation of the authority does. */
export interface RootRotation {
  /** Serial of the one that signs now. */
  readonly present: string;
  /** Absent in a plan. */
  readonly next?: string | undefined;
  readonly signsFromMs: number;
  /** When the present one has nothing left to vouch for, as far as is known now. */
  readonly retiresMs: number;
  /** Linked clusters that learn of it at once, and those that will when they are back. */
  readonly connected: readonly string[];
  readonly away: readonly string[];
}

/** A trust bundle in SPIFFE's format. */
export interface SpiffeBundle {
  readonly keys: readonly (WebKey & {
    readonly use: 'x509-svid';
    readonly x5c: readonly string[];
  })[];
  readonly spiffe_sequence: number;
  /** Seconds. */
  readonly spiffe_refresh_hint: number;
}

export interface BundleView {
  readonly cluster: ClusterId;
  readonly name?: string | undefined;
  readonly spiffe: SpiffeBundle;
  /** The same authorities as PEM, one after the other. */
  readonly authorities: string;
  readonly revoked: readonly string[];
  /** Of a peer's: when it last told. */
  readonly receivedMs?: number | undefined;
  /** Why what a peer told last was not taken. */
  readonly problem?: string | undefined;
}

export type ExpiryRow = Expiry;
