// Evidence as it is written into files (protocol/evidence.md): everything that was hashed or
// signed, with bytes in hex, so that a program that shares no code with this one can check it.
import {
  clusterIdSchema,
  federatedIdSchema,
  nodeIdSchema,
  toHex,
  type ClusterId,
  type FederatedId,
} from '@hansa/foundation';
import { z } from 'zod';
import type { KeyLog, NodeCertificate } from '../identity/contract.ts';
import {
  blobReferenceSchema,
  type BlobReference,
  type ChangeOp,
  type Head,
  type Point,
  type ResourceEntry,
  type SequencedChange,
} from '../resources/contract.ts';

export const evidenceFormat = 'hansa/evidence/1';

/** Lower-case hex. */
type Hex = string;
type ShownHlc = readonly [wallMs: number, counter: number];

interface ShownInception {
  readonly cluster: ClusterId;
  readonly nextKeyHash: Hex;
  readonly createdMs: number;
  readonly signature: Hex;
}

interface ShownRotation extends ShownInception {
  readonly keyIndex: number;
  readonly key: Hex;
  readonly previousSignature?: Hex | undefined;
}

interface ShownContent {
  readonly key: Hex;
  readonly value: Hex;
  readonly blobs: readonly BlobReference[];
}

type ShownOp = { readonly put: ShownContent } | { readonly delete: { readonly key: Hex } };

interface ShownChange {
  readonly sequence: number;
  readonly change: {
    readonly epoch: number;
    readonly previous: number;
    readonly hlc: ShownHlc;
    readonly author: string;
    readonly ops: readonly ShownOp[];
  };
}

interface ShownHead {
  readonly resource: FederatedId;
  readonly epoch: number;
  readonly sequence: number;
  readonly chain: Hex;
  readonly digest: Hex;
  readonly hlc: ShownHlc;
  readonly salt: Hex;
  readonly path: readonly { readonly side: 'left' | 'right'; readonly hash: Hex }[];
  readonly tick: {
    readonly root: Hex;
    readonly asOfMs: number;
    readonly keyIndex: number;
    readonly signature: Hex;
  };
}

export type EvidenceItem =
  | {
      readonly kind: 'key-log';
      readonly inception: ShownInception;
      readonly rotations: readonly ShownRotation[];
    }
  | ({ readonly kind: 'certificate'; readonly signature: Hex } & Omit<NodeCertificate, 'signature'>)
  | ({ readonly kind: 'head' } & ShownHead)
  | {
      readonly kind: 'changes';
      readonly resource: FederatedId;
      readonly epoch: number;
      readonly after: { readonly sequence: number; readonly chain: Hex };
      readonly changes: readonly ShownChange[];
    }
  | {
      readonly kind: 'entries';
      readonly resource: FederatedId;
      readonly epoch: number;
      readonly sequence: number;
      readonly entries: readonly (ShownContent & { readonly version: number })[];
    };

const hex = z.string().regex(/^(?:[0-9a-f]{2})*$/);
const hash = z.string().regex(/^[0-9a-f]{64}$/);
const count = z.number().int().nonnegative();
const hlc: z.ZodType<ShownHlc> = z.tuple([count, count]);
const inception = {
  cluster: clusterIdSchema,
  nextKeyHash: hash,
  createdMs: count,
  signature: hex,
};
const content = { key: hex, value: hex, blobs: z.array(blobReferenceSchema) };
const op: z.ZodType<ShownOp> = z.union([
  z.object({ put: z.object(content) }),
  z.object({ delete: z.object({ key: hex }) }),
]);
const place = { resource: federatedIdSchema, epoch: count };

export const evidenceItemSchema: z.ZodType<EvidenceItem> = z.discriminatedUnion('kind', [
  z.object({
    kind: z.literal('key-log'),
    inception: z.object(inception),
    rotations: z.array(
      z.object({ ...inception, keyIndex: count, key: hash, previousSignature: hex.optional() }),
    ),
  }),
  z.object({
    kind: z.literal('certificate'),
    cluster: clusterIdSchema,
    keyIndex: count,
    node: nodeIdSchema,
    serial: count,
    notBeforeMs: count,
    notAfterMs: count,
    uses: z.array(z.enum(['link', 'sign'])),
    signature: hex,
  }),
  z.object({
    kind: z.literal('head'),
    ...place,
    sequence: count,
    chain: hash,
    digest: hash,
    hlc,
    salt: hash,
    path: z.array(z.object({ side: z.enum(['left', 'right']), hash })),
    tick: z.object({ root: hash, asOfMs: count, keyIndex: count, signature: hex }),
  }),
  z.object({
    kind: z.literal('changes'),
    ...place,
    after: z.object({ sequence: count, chain: hash }),
    changes: z.array(
      z.object({
        sequence: count,
        change: z.object({
          epoch: count,
          previous: count,
          hlc,
          author: z.string(),
          ops: z.array(op),
        }),
      }),
    ),
  }),
  z.object({
    kind: z.literal('entries'),
    ...place,
    sequence: count,
    entries: z.array(z.object({ ...content, version: count })),
  }),
]);

export function keyLogEvidence({ inception: born, rotations }: KeyLog): EvidenceItem {
  return {
    kind: 'key-log',
    inception: { ...born, signature: toHex(born.signature) },
    rotations: rotations.map(({ signature, previousSignature, ...rest }) => ({
      ...rest,
      signature: toHex(signature),
      ...(previousSignature === undefined ? {} : { previousSignature: toHex(previousSignature) }),
    })),
  };
}

export function certificateEvidence(certificate: NodeCertificate): EvidenceItem {
  const { uses, signature, ...rest } = certificate;
  return { kind: 'certificate', ...rest, uses: [...uses], signature: toHex(signature) };
}

export function headEvidence(head: Head): EvidenceItem {
  const { resource, epoch, sequence, tick } = head;
  return {
    kind: 'head',
    resource,
    epoch,
    sequence,
    chain: toHex(head.chain),
    digest: toHex(head.digest),
    hlc: [...head.hlc],
    salt: toHex(head.salt),
    path: head.path.map((step) => ({ side: step.side, hash: toHex(step.hash) })),
    tick: { ...tick, root: toHex(tick.root), signature: toHex(tick.signature) },
  };
}

export function changesEvidence(
  resource: FederatedId,
  after: Pick<Point, 'epoch' | 'sequence' | 'chain'>,
  changes: readonly SequencedChange[],
): EvidenceItem {
  const { epoch, sequence, chain } = after;
  return {
    kind: 'changes',
    resource,
    epoch,
    after: { sequence, chain: toHex(chain) },
    changes: changes.map(({ sequence: at, change }) => ({
      sequence: at,
      change: {
        epoch: change.epoch,
        previous: change.previous,
        hlc: [...change.hlc],
        author: change.author,
        ops: change.ops.map(opEvidence),
      },
    })),
  };
}

function opEvidence(written: ChangeOp): ShownOp {
  return 'delete' in written
    ? { delete: { key: toHex(written.delete.key) } }
    : { put: contentEvidence(written.put) };
}

function contentEvidence(entry: Pick<ResourceEntry, 'key' | 'value' | 'blobs'>): ShownContent {
  return { key: toHex(entry.key), value: toHex(entry.value), blobs: [...entry.blobs] };
}

export function entriesEvidence(
  at: { readonly resource: FederatedId; readonly epoch: number; readonly sequence: number },
  entries: readonly ResourceEntry[],
): EvidenceItem {
  const { resource, epoch, sequence } = at;
  return {
    kind: 'entries',
    resource,
    epoch,
    sequence,
    entries: entries.map((entry) => ({ ...contentEvidence(entry), version: entry.version })),
  };
}
