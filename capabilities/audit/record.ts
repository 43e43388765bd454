// What one line of the audit says, and the bytes that chain, sign and countersign it.
// protocol/audit.md has it in words, protocol/vectors/audit.json in numbers.
import {
  clusterIdSchema,
  fromHex,
  toHex,
  hashTranscript,
  transcript,
  type ClusterId,
  type Crypto,
  type TranscriptField,
} from '@hansa/foundation';
import { z } from 'zod';

export const auditTextMax = 320; // a principal with its home, a resource with its owner
export const auditFactsMax = 16; // what an act says of itself besides its target: a few words

export type AuditFacts = Readonly<Record<string, string | number | boolean>>;

/** What is said of one act, or of many alike; empty texts where there is nothing to say. */
export interface AuditSaid {
  readonly atMs: number;
  /** When the first of those was that it stands for; `atMs` for one alone. */
  readonly sinceMs: number;
  /** How many it stands for. */
  readonly count: number;
  /** `user:anna`, `cluster:<id>`, `owner`, `anonymous`, `token:<id>`, `node`. */
  readonly principal: string;
  /** What the principal came with: `token:<id>`, `session:<id>`. Never the thing itself. */
  readonly via: string;
  /** An address, or a cluster. */
  readonly source: string;
  /** `contract.method`, or a dotted name. */
  readonly act: string;
  readonly permission: string;
  readonly target: string;
  /** `OK`, an error's code, or `INTERRUPTED` where the node ended first. */
  readonly outcome: string;
  readonly facts: AuditFacts;
}

/** Bytes are hex: written as JSON it is what people hand on. */
export interface AuditRecord extends AuditSaid {
  /** From 1 on, without a gap. */
  readonly sequence: number;
  /** The hash of the record before it. */
  readonly previous: string;
  readonly hash: string;
}

/** A place in the chain: everything up to it is what its hash commits to. */
export interface AuditPoint {
  readonly sequence: number;
  readonly hash: string;
}

interface SignedPoint extends AuditPoint {
  readonly cluster: ClusterId;
  readonly atMs: number;
  readonly keyIndex: number;
  readonly signature: string;
}

/** The cluster's word on where its chain stands, and on where it stood before. */
export interface AuditHead extends SignedPoint {
  /** What was countersigned last by whom it is shown to; sequence 0 where nothing was. */
  readonly prior: AuditPoint;
}

/** What stands in the place of records that were removed. */
export type AuditAnchor = SignedPoint;

/** Another cluster's word that it was shown a head. */
export interface Countersignature {
  readonly head: AuditHead;
  readonly witness: ClusterId;
  readonly atMs: number;
  readonly keyIndex: number;
  readonly signature: string;
}

const natural = z.number().int().nonnegative().max(Number.MAX_SAFE_INTEGER);
const text = z.string().max(auditTextMax);
const hex32: z.ZodType<string> = z.string().regex(/^[0-9a-f]{64}$/);
const hex64: z.ZodType<string> = z.string().regex(/^[0-9a-f]{128}$/);
const facts: z.ZodType<AuditFacts> = z
  .record(
    z.string().min(1).max(auditTextMax),
    z.union([text, z.number().int().safe(), z.boolean()]),
  )
  .refine((given) => Object.keys(given).length <= auditFactsMax, `at most ${auditFactsMax} facts`);
export const auditRecordFields: {
  readonly [Field in keyof AuditRecord]: z.ZodType<AuditRecord[Field]>;
} = {
  sequence: natural.min(1),
  previous: hex32,
  hash: hex32,
  atMs: natural,
  sinceMs: natural,
  count: natural.min(1),
  principal: text,
  via: text,
  source: text,
  act: text,
  permission: text,
  target: text,
  outcome: text,
  facts,
};
const pointFields = { sequence: natural, hash: hex32 };
export const auditPointSchema: z.ZodType<AuditPoint> = z.strictObject(pointFields);
export const auditRecordSchema: z.ZodType<AuditRecord> = z.strictObject(auditRecordFields);
export const auditAnchorFields: {
  readonly [Field in keyof AuditAnchor]: z.ZodType<AuditAnchor[Field]>;
} = {
  ...pointFields,
  cluster: clusterIdSchema,
  atMs: natural,
  keyIndex: natural,
  signature: hex64,
};
export const auditHeadFields: {
  readonly [Field in keyof AuditHead]: z.ZodType<AuditHead[Field]>;
} = { ...auditAnchorFields, prior: auditPointSchema };
export const auditHeadSchema: z.ZodType<AuditHead> = z.strictObject(auditHeadFields);
export const auditAnchorSchema: z.ZodType<AuditAnchor> = z.strictObject(auditAnchorFields);
export const countersignatureFields: {
  readonly [Field in keyof Countersignature]: z.ZodType<Countersignature[Field]>;
} = {
  head: auditHeadSchema,
  witness: clusterIdSchema,
  atMs: natural,
  keyIndex: natural,
  signature: hex64,
};
export const countersignatureSchema: z.ZodType<Countersignature> =
  z.strictObject(countersignatureFields);

/** What the first record of a cluster follows. */
export function firstHash(crypto: Crypto, cluster: ClusterId): string {
  return toHex(hashTranscript(crypto, 'hansa/audit-first/1', [cluster]));
}

export function recordHash(crypto: Crypto, record: Omit<AuditRecord, 'hash'>): string {
  return toHex(crypto.hash(recordBytes(record)));
}

export function recordBytes(record: Omit<AuditRecord, 'hash'>): Uint8Array {
  const { previous, sequence, atMs, sinceMs, count, principal, via, source } = record;
  const { act, permission, target, outcome } = record;
  return transcript('hansa/audit-record/1', [
    fromHex(previous),
    sequence,
    atMs,
    sinceMs,
    count,
    principal,
    via,
    source,
    act,
    permission,
    target,
    outcome,
    factBytes(record.facts),
  ]);
}

/** In the order of their names as UTF-16 text, each with the form of its value. */
function factBytes(given: AuditFacts): Uint8Array {
  const fields = Object.keys(given)
    .toSorted()
    .flatMap((name): TranscriptField[] => {
      const value = given[name] ?? '';
      return [name, typeof value, String(value)];
    });
  return transcript('hansa/audit-facts/1', fields);
}

export function nextRecord(crypto: Crypto, before: AuditPoint, said: AuditSaid): AuditRecord {
  const body = { ...said, sequence: before.sequence + 1, previous: before.hash };
  return { ...body, hash: recordHash(crypto, body) };
}

export function headBytes(head: Omit<AuditHead, 'signature'>): Uint8Array {
  const { cluster, sequence, hash, prior, atMs, keyIndex } = head;
  return transcript('hansa/audit-head/1', [
    cluster,
    sequence,
    fromHex(hash),
    prior.sequence,
    fromHex(prior.hash),
    atMs,
    keyIndex,
  ]);
}

export function anchorBytes(anchor: Omit<AuditAnchor, 'signature'>): Uint8Array {
  const { cluster, sequence, hash, atMs, keyIndex } = anchor;
  return transcript('hansa/audit-anchor/1', [cluster, sequence, fromHex(hash), atMs, keyIndex]);
}

export function countersignatureBytes(given: Omit<Countersignature, 'signature'>): Uint8Array {
  const { witness, head, atMs, keyIndex } = given;
  return transcript('hansa/audit-countersignature/1', [
    witness,
    headBytes(head),
    fromHex(head.signature),
    atMs,
    keyIndex,
  ]);
}
