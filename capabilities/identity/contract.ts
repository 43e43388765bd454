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
import type { Inception, KeyClaim, KeyLog, Rotation } from './key-log.ts';

export { presentClaim, verifyKeyLog } from './key-log.ts';
export type { Inception, KeyClaim, KeyLog, Rotation } from './key-log.ts';

// sixteen years of one a quarter; a stranger’s proof of so many takes 50 ms to check
export const rotationsMax = 64;
// twice the links there may be: closed ones are remembered as well
export const keyBookClustersMax = 2_048;

/** Two validly signed records for one step. */
export interface KeyFork {
  /** The one that was seen first. */
  readonly held: KeyClaim;
  readonly other: KeyClaim;
  readonly seenMs: number;
}

/** The keys of clusters as far as they are known here: what every signature is checked with. */
export interface KeyBook {
  /** The key of an index; undefined where it is not known. Index 0 is known of everybody. */
  keyOf(cluster: ClusterId, keyIndex: number): Uint8Array | undefined;
  /**
   * The key that may have signed something dated `atMs`: KEY_UNKNOWN where the index is not known
   * yet, KEY_RETIRED where the cluster had rotated before, KEY_FORKED where two records claim it.
   */
  signing(
    cluster: ClusterId,
    claim: { readonly keyIndex: number; readonly atMs: number },
  ): Uint8Array;
  present(cluster: ClusterId): { readonly keyIndex: number; readonly key: Uint8Array };
  log(cluster: ClusterId): KeyLog | undefined;
  fork(cluster: ClusterId): KeyFork | undefined;
  /** Whether two successors of one step were shown: then nobody can tell who the cluster is. */
  blocked(cluster: ClusterId): boolean;
  /**
   * Takes in a verified log, for good; the present index that is known afterwards. KEY_FORKED where
   * it contradicts what is known; CERTIFICATE_INVALID where it does not verify.
   */
  learn(log: KeyLog): Promise<number>;
  /** A process of the cluster was met: its instance is random, so one that returns never ended. */
  met(cluster: ClusterId, instance: Uint8Array): void;
  /** How many processes show themselves as the cluster by turns; undefined where one does. */
  twins(cluster: ClusterId): number | undefined;
  /** Rises with every change. */
  readonly generation: number;
  subscribe(changed: (cluster: ClusterId) => void): () => void;
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
export const twinShownMs = 600_000; // a copy that was stopped is forgotten after ten minutes
export const certificateSkewMs = 60_000; // clocks differ; the same tolerance as tokens have

/** Everything a stranger needs to check who speaks. */
export interface IdentityProof {
  readonly inception: Inception;
  /** How the key that signed the certificate came after the first one. */
  readonly rotations: readonly Rotation[];
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
  /** As it was proven. */
  readonly keyLog: KeyLog;
}

/** What other capabilities ask of the identity, in process. */
export interface Signer {
  /** Known also while federation is off. */
  readonly cluster: ClusterId;
  readonly node: NodeId;
  readonly name: string;
  /** Of the key that signs now: to be named in what is signed. */
  readonly keyIndex: number;
  /** FEDERATION_OFF with the reason where the keys are unusable. */
  sign(message: Uint8Array): { keyIndex: number; signature: Uint8Array };
  proof(): IdentityProof;
  /** The first record and every rotation that is in force. */
  keyLog(): KeyLog;
  /**
   * CERTIFICATE_INVALID, CERTIFICATE_EXPIRED, IDENTITY_NOT_BOUND, KEY_RETIRED or KEY_FORKED;
   * `remote` is the transport's word.
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
  /** What peers have seen of this identity that a person has to act on. */
  readonly warnings: readonly ErrorReport[];
  readonly certificate?:
    | { readonly serial: number; readonly notBeforeMs: number; readonly notAfterMs: number }
    | undefined;
}

/** One key of this cluster, for people. */
export interface KeyEntry extends KeyClaim {
  readonly state: 'present' | 'retired';
  /** Whether the key before it signed as well; absent for the first. */
  readonly previousSigned?: boolean | undefined;
}

export interface RotationPlan {
  /** The index that the next key will have. */
  readonly keyIndex: number;
  /** The promised key, hex. */
  readonly key: string;
  /** False where the present key is lost: the promised one then stands alone. */
  readonly previousSigns: boolean;
  /** Told before the key is used. */
  readonly connected: readonly string[];
  /** Will learn it from the proof when they are back. */
  readonly away: readonly string[];
}

export interface RotationDone extends RotationPlan {
  /** Those of `connected` that have answered that they know the key. */
  readonly acknowledged: readonly string[];
  /** Federation was off, and begins with the next start. */
  readonly restartNeeded: boolean;
}

/** Who this cluster is. */
export interface Identity {
  show(input: Record<string, never>, call?: Call): Promise<Profile>;
  /** Every key there was. */
  log(input: Record<string, never>, call?: Call): Promise<{ keys: readonly KeyEntry[] }>;
  /** What `rotate` would do now. */
  plan(input: Record<string, never>, call?: Call): Promise<RotationPlan>;
  /** Makes the promised key the present one and promises another. */
  rotate(input: Record<string, never>, call?: Call): Promise<RotationDone>;
  /** Drops what is known of a peer's keys, forks included: its next proof is believed. */
  forget(input: { peer: string }, call?: Call): Promise<{ cluster: ClusterId }>;
}

const bytes32 = /^[0-9a-f]{64}$/;

export const inceptionSchema: z.ZodType<Inception> = z.object({
  cluster: clusterIdSchema,
  nextKeyHash: z.string().regex(bytes32),
  createdMs: z.number().int().nonnegative(),
  signature: signatureSchema,
});
export const rotationSchema: z.ZodType<Rotation> = z.object({
  cluster: clusterIdSchema,
  keyIndex: z.number().int().min(1).max(rotationsMax),
  key: z.string().regex(bytes32),
  nextKeyHash: z.string().regex(bytes32),
  createdMs: z.number().int().nonnegative(),
  signature: signatureSchema,
  previousSignature: signatureSchema.optional(),
});
const rotations = z.array(rotationSchema).max(rotationsMax);
export const keyLogSchema: z.ZodType<KeyLog> = z.object({ inception: inceptionSchema, rotations });
const keyClaimFields = {
  keyIndex: z.number(),
  key: z.string(),
  nextKeyHash: z.string(),
  createdMs: z.number(),
};
export const keyForkSchema: z.ZodType<KeyFork> = z.object({
  held: z.object(keyClaimFields),
  other: z.object(keyClaimFields),
  seenMs: z.number(),
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
  // Absent in the proofs of a cluster that never rotated and speaks the first version.
  rotations: rotations.default([]),
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
  warnings: z.array(errorReportSchema),
  certificate: z
    .object({ serial: z.number(), notBeforeMs: z.number(), notAfterMs: z.number() })
    .optional(),
});

const names = z.array(z.string());
const planFields = {
  keyIndex: z.number(),
  key: z.string(),
  previousSigns: z.boolean(),
  connected: names,
  away: names,
};

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
    log: {
      summary: 'Every key that this cluster ever had, the present one last.',
      permission: 'identity.read',
      route: 'GET /identity/log',
      input: z.strictObject({}),
      output: z.object({
        keys: z.array(
          z.object({
            ...keyClaimFields,
            state: z.enum(['present', 'retired']),
            previousSigned: z.boolean().optional(),
          }),
        ),
      }),
      errors: [],
    },
    plan: {
      summary: 'What a rotation would do now: which key comes, and which peers learn it at once.',
      permission: 'identity.read',
      route: 'GET /identity/rotation',
      input: z.strictObject({}),
      output: z.object(planFields),
      errors: ['KEY_MISMATCH', 'ROTATION_UNPREPARED'],
    },
    rotate: {
      summary: 'Makes the promised key the present one, and promises another.',
      permission: 'identity.write',
      route: 'POST /identity/rotation',
      input: z.strictObject({}),
      output: z.object({ ...planFields, acknowledged: names, restartNeeded: z.boolean() }),
      errors: ['KEY_MISMATCH', 'ROTATION_UNPREPARED', 'CONFLICT'],
    },
    forget: {
      summary: 'Drops what is known of a peer’s keys; its next proof is believed.',
      permission: 'identity.write',
      route: 'POST /identity/forget',
      input: z.strictObject({ peer: z.string().min(1).max(nameLengthMax) }),
      output: z.object({ cluster: clusterIdSchema }),
      errors: ['LINK_NOT_FOUND'],
    },
  },
};
