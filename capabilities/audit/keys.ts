// Where the audit is kept: records, the end of the chain and the anchor as entries of its resource;
// who countersigned what, in tables beside it.
import { table, utf8, type Codec, type KeyValueStore, type Table } from '@hansa/foundation';
import { z } from 'zod';
import {
  auditAnchorSchema,
  auditHeadSchema,
  auditPointSchema,
  auditRecordFields,
  auditRecordSchema,
  countersignatureSchema,
  type AuditAnchor,
  type AuditHead,
  type AuditPoint,
  type AuditRecord,
  type AuditSaid,
  type Countersignature,
} from './record.ts';

/** Where the chain ends. */
export const tailKey: Uint8Array = utf8('tail');
export const anchorKey: Uint8Array = utf8('anchor');

const recordMark = 0x72; // "r": between the two other keys, so that records are read in one go
const recordKeyBytes = 9; // the mark, and the sequence in eight bytes: the order of keys is theirs

export function recordKey(sequence: number): Uint8Array {
  const key = new Uint8Array(recordKeyBytes);
  const view = new DataView(key.buffer);
  key[0] = recordMark;
  view.setUint32(1, Math.floor(sequence / 2 ** 32));
  view.setUint32(5, sequence % 2 ** 32);
  return key;
}

/** Undefined where the key is none of a record. */
export function sequenceOf(key: Uint8Array): number | undefined {
  if (key.length !== recordKeyBytes || key[0] !== recordMark) {
    return undefined;
  }
  const view = new DataView(key.buffer, key.byteOffset, key.length);
  const sequence = view.getUint32(1) * 2 ** 32 + view.getUint32(5);
  return Number.isSafeInteger(sequence) && sequence > 0 ? sequence : undefined;
}

/** Undefined on what is none: a disk may lie, and so may an owner. */
function reader<T>(schema: z.ZodType<T>): (codec: Codec, bytes: Uint8Array) => T | undefined {
  return (codec, bytes) => {
    try {
      return schema.safeParse(codec.decode(bytes)).data;
    } catch {
      return undefined;
    }
  };
}

export const readRecord: (codec: Codec, bytes: Uint8Array) => AuditRecord | undefined =
  reader(auditRecordSchema);
export const readPoint: (codec: Codec, bytes: Uint8Array) => AuditPoint | undefined =
  reader(auditPointSchema);
export const readAnchor: (codec: Codec, bytes: Uint8Array) => AuditAnchor | undefined =
  reader(auditAnchorSchema);

/** What another cluster showed us, and what we signed of it. */
export interface WitnessedRow {
  readonly countersignature: Countersignature;
  /** A head of the same cluster that cannot be true as well. */
  readonly fork?: { readonly other: AuditHead; readonly seenMs: number } | undefined;
}

/** What another cluster signed of ours. */
export interface CountersignedRow {
  /** The newest last. */
  readonly kept: readonly Countersignature[];
  /** Ours at the place of the last of them, which says otherwise; its hash empty where none is. */
  readonly fork?:
    | { readonly sequence: number; readonly hash: string; readonly seenMs: number }
    | undefined;
}

/** What is being done, as its record would begin. */
export type BegunRow = Omit<AuditSaid, 'count' | 'facts' | 'outcome' | 'sinceMs'>;

export interface AuditTables {
  /** By an id of chance; only while it lasts. */
  readonly begun: Table<BegunRow>;
  /** By the cluster whose heads they are. */
  readonly witnessed: Table<WitnessedRow>;
  /** By the cluster that signed. */
  readonly countersigned: Table<CountersignedRow>;
}

const witnessed: z.ZodType<WitnessedRow> = z.object({
  countersignature: countersignatureSchema,
  fork: z.object({ other: auditHeadSchema, seenMs: z.number() }).optional(),
});
const countersigned: z.ZodType<CountersignedRow> = z.object({
  kept: z.array(countersignatureSchema),
  fork: z.object({ sequence: z.number(), hash: z.string(), seenMs: z.number() }).optional(),
});

const { atMs, principal, via, source, act, permission, target } = auditRecordFields;
const begun: z.ZodType<BegunRow> = z.object({
  atMs,
  principal,
  via,
  source,
  act,
  permission,
  target,
});

export function auditTables(store: KeyValueStore, codec: Codec): AuditTables {
  return {
    begun: table({ store, codec, name: 'begun', schema: begun }),
    witnessed: table({ store, codec, name: 'witnessed', schema: witnessed }),
    countersigned: table({ store, codec, name: 'countersigned', schema: countersigned }),
  };
}
