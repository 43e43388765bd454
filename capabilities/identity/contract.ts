// Who this cluster is, and how it proves it to others.
import {
  clusterIdSchema,
  errorReportSchema,
  nameLengthMax,
  nodeIdSchema,
  signatureSchema,
  type Call,
  type ClusterId,
  type Contract,
  type ErrorReport,
  type NodeId,
} from '@hansa/foundation';
import { z } from 'zod';

/** What a cluster said of itself once, at its birth: its first key, and a promise of the next. */
export interface Inception {
  /** The first public key: the cluster's id for ever. */
  readonly cluster: ClusterId;
  /**
   * BLAKE3 of the next public key, hex: a thief of today's key cannot rotate to a key of his own.
   */
  readonly nextKeyHash: string;
  readonly createdMs: number;
  /** By the first key, over transcript `hansa/inception/1`. */
  readonly signature: Uint8Array;
}

export type CertificateUse = 'link' | 'sign';

/** The cluster's word that a node is its own, for a time. */
export interface NodeCertificate {
  readonly cluster: ClusterId;
  /** Which of the cluster's keys signed: 0 is the first. */
  readonly keyIndex: number;
  readonly node: NodeId;
  readonly serial: number;
  readonly notBeforeMs: number;
  readonly notAfterMs: number;
  readonly uses: readonly CertificateUse[];
  /** By the cluster key, over transcript `hansa/node-certificate/1`. */
  readonly signature: Uint8Array;
}

// a lost node is harmless after a week
export const certificateValidityMs: number = 7 * 24 * 3_600_000;
// renewed with half its time left
export const certificateRenewMs: number = certificateValidityMs / 2;
export const certificateSkewMs = 60_000; // clocks differ; the same tolerance as tokens have

/** Everything a stranger needs to check who speaks. */
export interface IdentityProof {
  readonly inception: Inception;
  readonly certificate: NodeCertificate;
  /** A label, never an identity. */
  readonly name: string;
}

export interface PeerIdentity {
  readonly cluster: ClusterId;
  readonly node: NodeId;
  readonly name: string;
  /** The public key that signs for the cluster now, and its index. */
  readonly key: Uint8Array;
  readonly keyIndex: number;
}

/** What other capabilities ask of the identity, in process. */
export interface Signer {
  /** Known also while federation is off. */
  readonly cluster: ClusterId;
  readonly node: NodeId;
  readonly name: string;
  /** FEDERATION_OFF with the reason where the keys are unusable. */
  sign(message: Uint8Array): { keyIndex: number; signature: Uint8Array };
  proof(): IdentityProof;
  /**
   * CERTIFICATE_INVALID, CERTIFICATE_EXPIRED or IDENTITY_NOT_BOUND; `remote` is the transport's
   * word.
   */
  check(proof: unknown, remote: NodeId): PeerIdentity;
}

export interface Profile {
  readonly cluster: ClusterId;
  readonly name: string;
  readonly node: NodeId;
  readonly createdMs: number;
  readonly keyIndex: number;
  readonly nextKeyHash: string;
  readonly federation: 'on' | 'off';
  /** Why federation is off. */
  readonly problem?: ErrorReport | undefined;
  readonly certificate?:
    | { readonly serial: number; readonly notBeforeMs: number; readonly notAfterMs: number }
    | undefined;
}

/** Who this cluster is. */
export interface Identity {
  show(input: Record<string, never>, call?: Call): Promise<Profile>;
}

const bytes32 = /^[0-9a-f]{64}$/;

export const inceptionSchema: z.ZodType<Inception> = z.object({
  cluster: clusterIdSchema,
  nextKeyHash: z.string().regex(bytes32),
  createdMs: z.number().int().nonnegative(),
  signature: signatureSchema,
});
export const certificateSchema: z.ZodType<NodeCertificate> = z.object({
  cluster: clusterIdSchema,
  keyIndex: z.number().int().nonnegative(),
  node: nodeIdSchema,
  serial: z.number().int().nonnegative(),
  notBeforeMs: z.number().int().nonnegative(),
  notAfterMs: z.number().int().nonnegative(),
  uses: z.array(z.enum(['link', 'sign'])).max(2),
  signature: signatureSchema,
});
export const proofSchema: z.ZodType<IdentityProof> = z.object({
  inception: inceptionSchema,
  certificate: certificateSchema,
  name: z.string().max(nameLengthMax),
});
const profile: z.ZodType<Profile> = z.object({
  cluster: clusterIdSchema,
  name: z.string(),
  node: nodeIdSchema,
  createdMs: z.number(),
  keyIndex: z.number(),
  nextKeyHash: z.string(),
  federation: z.enum(['on', 'off']),
  problem: errorReportSchema.optional(),
  certificate: z
    .object({ serial: z.number(), notBeforeMs: z.number(), notAfterMs: z.number() })
    .optional(),
});

export const identityContract: Contract<Identity> = {
  name: 'identity',
  version: 1,
  methods: {
    show: {
      summary: 'Who this cluster is: its id, its node, its certificate, and whether it federates.',
      permission: 'identity.read',
      route: 'GET /identity',
      input: z.strictObject({}),
      output: profile,
      errors: [],
    },
  },
};
