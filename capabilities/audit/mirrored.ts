// Audits as sync mirrors them. What another cluster sends is checked like what a stranger says: its
// schema, its chain, its anchor, and that it goes on from what it has shown us before.
import { HansaError, splitFederatedId, type ClusterId, type Codec } from '@hansa/foundation';
import type { ChangeOp, SequencedChange } from '../resources/contract.ts';
import type { FederatedKind, MirrorView } from '../sync/contract.ts';
import { auditKind, type AuditHead } from './contract.ts';
import {
  anchorKey,
  readAnchor,
  readPoint,
  readRecord,
  recordKey,
  sequenceOf,
  tailKey,
} from './keys.ts';
import {
  firstHash,
  recordHash,
  type AuditAnchor,
  type AuditPoint,
  type AuditRecord,
} from './record.ts';
import { requireAnchor, type Checking } from './signing.ts';

export interface AuditKindNeeds extends Checking {
  readonly codec: Codec;
  /** The newest head that the cluster has shown us. */
  headOf(cluster: ClusterId): AuditHead | undefined;
}

export function createAuditKind(needs: AuditKindNeeds): FederatedKind {
  return {
    kind: auditKind,
    async stage(before, changes) {
      await requireAudit(needs, before, changes);
      return { commit: async () => undefined, discard: async () => undefined };
    },
    settle: async () => undefined,
    purge: async () => undefined,
  };
}

interface Batch {
  readonly owner: ClusterId;
  readonly before: MirrorView;
  readonly records: ReadonlyMap<number, AuditRecord>;
  readonly removed: ReadonlySet<number>;
  readonly anchor: AuditAnchor | undefined;
  readonly tail: AuditPoint | undefined;
}

/** CHANGE_INVALID, AUDIT_FORKED. */
async function requireAudit(
  needs: AuditKindNeeds,
  before: MirrorView,
  changes: readonly SequencedChange[],
): Promise<void> {
  const batch = readBatch(needs, before, changes);
  const start = await startOf(needs, batch);
  const tail = batch.tail ?? (await tailBefore(needs, before));
  for (const sequence of batch.removed) {
    if (sequence > start.sequence) {
      throw breach(`it removes record ${sequence}, which its anchor does not cover`);
    }
  }
  for (const record of batch.records.values()) {
    await requireLinked(needs, batch, { record, start });
  }
  if (tail === undefined) {
    if (batch.records.size > 0) {
      throw breach('it does not say where its chain ends');
    }
    return;
  }
  await requireTail(needs, batch, { tail, start });
  await requireAsShown(needs, batch, { tail, start });
}

function readBatch(
  needs: AuditKindNeeds,
  before: MirrorView,
  changes: readonly SequencedChange[],
): Batch {
  const { owner } = splitFederatedId(before.resource);
  const records = new Map<number, AuditRecord>();
  const removed = new Set<number>();
  let anchor: AuditAnchor | undefined;
  let tail: AuditPoint | undefined;
  for (const op of changes.flatMap(({ change }) => change.ops)) {
    const { key, value } = valueOf(op);
    const sequence = sequenceOf(key);
    if (sequence !== undefined && value === undefined) {
      removed.add(sequence);
      records.delete(sequence);
    } else if (sequence !== undefined) {
      records.set(sequence, readOne(needs, sequence, value));
    } else if (key.join() === anchorKey.join()) {
      anchor = value === undefined ? undefined : readAnchor(needs.codec, value);
      requireOwnAnchor(needs, owner, anchor);
    } else if (key.join() === tailKey.join()) {
      tail = value === undefined ? undefined : readPoint(needs.codec, value);
      if (tail === undefined) {
        throw breach('the end of its chain is not readable');
      }
    } else {
      throw breach('it has a key that no audit has');
    }
  }
  return { owner, before, records, removed, anchor, tail };
}

function valueOf(op: ChangeOp): {
  readonly key: Uint8Array;
  readonly value: Uint8Array | undefined;
} {
  if ('delete' in op) {
    return { key: op.delete.key, value: undefined };
  }
  if (op.put.blobs.length > 0) {
    throw breach('it names blobs');
  }
  return op.put;
}

function readOne(
  { codec, crypto }: AuditKindNeeds,
  sequence: number,
  value: Uint8Array | undefined,
): AuditRecord {
  const record = value === undefined ? undefined : readRecord(codec, value);
  if (record?.sequence !== sequence) {
    throw breach(`record ${sequence} is none`);
  }
  if (recordHash(crypto, record) !== record.hash) {
    throw breach(`record ${sequence} does not hash to what it says`);
  }
  return record;
}

function requireOwnAnchor(
  needs: AuditKindNeeds,
  owner: ClusterId,
  anchor: AuditAnchor | undefined,
): void {
  if (anchor?.cluster !== owner) {
    throw breach('its anchor is none of its owner’s');
  }
  requireAnchor(needs, anchor);
}

/** What the first record follows: an anchor never moves back. */
async function startOf(needs: AuditKindNeeds, batch: Batch): Promise<AuditPoint> {
  const { anchor, before, owner } = batch;
  const entry = await before.entry(anchorKey);
  const old = entry === undefined ? undefined : readAnchor(needs.codec, entry.value);
  const present = anchor ?? old;
  if (anchor !== undefined && old !== undefined && anchor.sequence < old.sequence) {
    throw breach('its anchor moves back');
  }
  if (present === undefined) {
    return { sequence: 0, hash: firstHash(needs.crypto, owner) };
  }
  const held = anchor === undefined ? undefined : await recordAt(needs, batch, anchor.sequence);
  if (held !== undefined && held.hash !== anchor?.hash) {
    throw breach(`its anchor is not the record ${held.sequence} that was here`);
  }
  return { sequence: present.sequence, hash: present.hash };
}

async function tailBefore(
  { codec }: AuditKindNeeds,
  before: MirrorView,
): Promise<AuditPoint | undefined> {
  const entry = await before.entry(tailKey);
  return entry === undefined ? undefined : readPoint(codec, entry.value);
}

/** As it will be: of the batch, or as it is. A damaged one of ours is none: it may be repaired. */
async function recordAt(
  { codec, crypto }: AuditKindNeeds,
  { records, before }: Batch,
  sequence: number,
): Promise<AuditRecord | undefined> {
  const coming = records.get(sequence);
  if (coming !== undefined) {
    return coming;
  }
  const entry = await before.entry(recordKey(sequence));
  const record = entry === undefined ? undefined : readRecord(codec, entry.value);
  return record !== undefined && recordHash(crypto, record) === record.hash ? record : undefined;
}

/** It follows the one before it, and takes no other one's place. */
async function requireLinked(
  needs: AuditKindNeeds,
  batch: Batch,
  { record, start }: { readonly record: AuditRecord; readonly start: AuditPoint },
): Promise<void> {
  const { sequence } = record;
  if (sequence <= start.sequence) {
    return; // written and pruned since: nothing stands on it any more
  }
  const before =
    sequence === start.sequence + 1 ? start : await recordAt(needs, batch, sequence - 1);
  if (before?.hash !== record.previous) {
    throw breach(`record ${sequence} does not follow the one before it`);
  }
  const held = await recordAt(needs, { ...batch, records: new Map() }, sequence);
  if (held !== undefined && held.hash !== record.hash) {
    throw breach(`record ${sequence} takes the place of another one`);
  }
}

async function requireTail(
  needs: AuditKindNeeds,
  batch: Batch,
  { tail, start }: { readonly tail: AuditPoint; readonly start: AuditPoint },
): Promise<void> {
  const before = await tailBefore(needs, batch.before);
  if (before !== undefined && before.sequence > tail.sequence) {
    throw breach(`its chain had ${before.sequence} records, and now ends at ${tail.sequence}`);
  }
  const end =
    tail.sequence === start.sequence ? start : await recordAt(needs, batch, tail.sequence);
  const beyond = [...batch.records.keys()].some((sequence) => sequence > tail.sequence);
  if (end?.hash !== tail.hash || beyond) {
    throw breach('its chain does not end where it says');
  }
}

async function requireAsShown(
  needs: AuditKindNeeds,
  batch: Batch,
  { tail, start }: { readonly tail: AuditPoint; readonly start: AuditPoint },
): Promise<void> {
  const head = needs.headOf(batch.owner);
  if (head === undefined || head.sequence > tail.sequence || head.sequence < start.sequence) {
    return; // the mirror may be behind what its owner has shown
  }
  const at = head.sequence === start.sequence ? start : await recordAt(needs, batch, head.sequence);
  if (at?.hash !== head.hash) {
    throw new HansaError(
      'AUDIT_FORKED',
      `record ${head.sequence} is not the one that its owner has signed to us`,
    );
  }
}

function breach(what: string): HansaError {
  return new HansaError('CHANGE_INVALID', `the change is none of an audit: ${what}`);
}
