// The key-value store inside a cluster: etcd's semantics, whatever the engine. Drivers:
// store-memory, store-lmdb (and etcd). The suite that says what every engine must do is
// testkit/store.suite.ts.

import type { ErrorReport } from '../errors.ts';

/** Store-wide, strictly increasing, a safe integer; compare only, never assume +1. */
export type Revision = number;
export type LeaseId = string;

export interface Entry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  /** 1 at create, +1 per put, back to 1 after a delete. */
  readonly version: number;
  readonly createRevision: Revision;
  readonly modRevision: Revision;
  readonly lease?: LeaseId;
}

/** For an absent key, version, createRevision and modRevision compare as 0. */
export type Compare =
  | {
      key: Uint8Array;
      target: 'version' | 'createRevision' | 'modRevision';
      op: CompareOp;
      operand: number;
    }
  | { key: Uint8Array; target: 'value'; op: CompareOp; operand: Uint8Array }
  | { key: Uint8Array; target: 'lease'; op: CompareOp; operand: LeaseId | '' };
export type CompareOp = '=' | '!=' | '<' | '>';

export type KeyRange =
  | { readonly prefix: Uint8Array }
  | { readonly start: Uint8Array; readonly end: Uint8Array };

export interface ScanOptions {
  /** Entries in one page, ≤ `limits.scanEntriesMax`; the default is the limit. */
  readonly limit?: number;
  /** From the page before; pins its revision. */
  readonly cursor?: string;
  readonly keysOnly?: boolean;
  readonly reverse?: boolean;
  readonly revision?: Revision;
}

export interface ScanPage {
  readonly entries: readonly Entry[];
  readonly cursor?: string;
  readonly revision: Revision;
}

/** A key may be written at most once in a transaction. */
export type Op =
  | { put: { key: Uint8Array; value: Uint8Array; lease?: LeaseId } }
  | { delete: { key: Uint8Array } | { prefix: Uint8Array } }
  | { get: { key: Uint8Array } }
  | { scan: KeyRange & { limit?: number } };

export type OpResult =
  | { put: Record<string, never> }
  | { delete: { deleted: number } }
  | { get: { entry: Entry | null } }
  | { scan: { entries: readonly Entry[] } };

export interface Transaction {
  readonly if: readonly Compare[];
  readonly then: readonly Op[];
  readonly else?: readonly Op[];
}

export interface TransactionResult {
  readonly succeeded: boolean;
  readonly results: readonly OpResult[];
  readonly revision: Revision;
}

export interface WatchEvent {
  readonly type: 'put' | 'delete';
  readonly key: Uint8Array;
  /** The entry after a put; null after a delete. */
  readonly entry: Entry | null;
  /** The entry before, where `prev` was asked for and there was one. */
  readonly prev?: Entry;
}

/**
 * One revision's events that match the target, whole; or a mark that nothing up to `progress` is
 * missing.
 */
export type WatchBatch =
  | { readonly revision: Revision; readonly events: readonly WatchEvent[] }
  | { readonly progress: Revision };

export interface StoreLimits {
  readonly keyBytesMax: number;
  readonly valueBytesMax: number;
  /** Operations in each of `then` and `else`, and compares in `if`. */
  readonly transactionOpsMax: number;
  readonly transactionBytesMax: number;
  readonly scanEntriesMax: number;
  readonly scanBytesMax: number;
  readonly leaseTtlSecondsMin: number;
  /** Batches a watcher may be behind before it fails with STORE_WATCH_OVERFLOW. */
  readonly watchBatchesMax: number;
}

/** The same on every engine; the smallest common bounds of LMDB and etcd. */
export const storeLimits: StoreLimits = {
  keyBytesMax: 1_024, // LMDB allows 1,978 with 4 KiB pages
  valueBytesMax: 512 * 1_024, // larger content is a blob
  transactionOpsMax: 100, // etcd refuses 129; one is kept for the idempotency marker
  transactionBytesMax: 1_024 * 1_024, // etcd's default request is 1.5 MiB
  scanEntriesMax: 1_000,
  scanBytesMax: 4 * 1_024 * 1_024,
  leaseTtlSecondsMin: 5, // etcd rounds shorter ones up; elections take seconds
  watchBatchesMax: 4_096,
};

export interface KeyValueStore {
  readonly limits: StoreLimits;
  readonly durability: 'fsync' | 'quorum-fsync' | 'relaxed';
  get(
    key: Uint8Array,
    options?: { revision?: Revision },
  ): Promise<{ entry: Entry | null; revision: Revision }>;
  set(
    key: Uint8Array,
    value: Uint8Array,
    options?: { lease?: LeaseId },
  ): Promise<{ revision: Revision }>;
  delete(key: Uint8Array): Promise<{ revision: Revision; deleted: 0 | 1 }>;
  /** `expect.modRevision` 0 means absent. */
  compareAndSet(
    key: Uint8Array,
    expect: { modRevision: Revision },
    value: Uint8Array,
    options?: { lease?: LeaseId },
  ): Promise<
    { ok: true; revision: Revision } | { ok: false; current: Entry | null; revision: Revision }
  >;
  compareAndDelete(
    key: Uint8Array,
    expect: { modRevision: Revision },
  ): Promise<
    { ok: true; revision: Revision } | { ok: false; current: Entry | null; revision: Revision }
  >;
  scan(range: KeyRange, options?: ScanOptions): Promise<ScanPage>;
  /** All at one revision, in the order asked. */
  batchRead(
    keys: readonly Uint8Array[],
  ): Promise<{ entries: readonly (Entry | null)[]; revision: Revision }>;
  batchWrite(ops: readonly Op[]): Promise<{ revision: Revision }>;
  /** With an `idempotencyKey`, a repeated call returns the first call's outcome for ten minutes. */
  transact(
    transaction: Transaction,
    options?: { idempotencyKey?: string },
  ): Promise<TransactionResult>;
  leaseGrant(ttlSeconds: number): Promise<{ id: LeaseId; ttlSeconds: number }>;
  /** STORE_LEASE_NOT_FOUND where it expired. */
  leaseKeepAlive(id: LeaseId): Promise<{ ttlSeconds: number }>;
  leaseRevoke(id: LeaseId): Promise<void>;
  leaseTimeToLive(id: LeaseId): Promise<{ ttlSeconds: number; keys: readonly Uint8Array[] }>;
  /**
   * Every change of the target after `from` (default: from now on), one batch per revision, in
   * order, each exactly once, never before it is durable. Ends when the signal aborts.
   * STORE_COMPACTED where `from` is no longer kept; STORE_WATCH_OVERFLOW (facts.resume) where the
   * reader is too slow.
   */
  watch(
    target: { key: Uint8Array } | { prefix: Uint8Array },
    options: { from?: Revision; prev?: boolean; signal: AbortSignal },
  ): AsyncIterable<WatchBatch>;
  compact(revision: Revision): Promise<void>;
  status(): Promise<StoreStatus>;
  close(): Promise<void>;
}

export interface StoreStatus {
  readonly engine: string;
  readonly revision: Revision;
  readonly compactRevision: Revision;
  readonly sizeBytes: number;
  readonly durability: 'fsync' | 'quorum-fsync' | 'relaxed';
  /** What keeps the store from its work although it answers: a quota that is reached, say. */
  readonly problem?: ErrorReport;
}
