// What an embedded engine keeps for the store engine: ordered records, read and written
// synchronously inside one write transaction. The drivers store-memory and store-lmdb each build
// one; the semantics above it (`store-engine.ts`) are written once.
import type { Entry, LeaseId, Revision, TransactionResult } from './store.ts';

/** The newest state of a key; a deleted key keeps its tombstone (`entry` null) until compaction. */
export interface KeyState {
  readonly key: Uint8Array;
  readonly entry: Entry | null;
  readonly revision: Revision;
}

export interface LoggedEvent {
  readonly key: Uint8Array;
  readonly entry: Entry | null;
  /** Revision of the key's state before: the next step of a walk back; 0 where there is none. */
  readonly before: Revision;
  /** The entry before, where `before` had been compacted already when this was written. */
  readonly prev?: Entry;
}

export interface LoggedRevision {
  readonly revision: Revision;
  /** Wall clock of the commit: history is kept by age as well as by count. */
  readonly atMs: number;
  readonly events: readonly LoggedEvent[];
}

/** `[start, end)`; without an end, to the last key. */
export interface ByteRange {
  readonly start: Uint8Array;
  readonly end: Uint8Array | undefined;
}

export interface Shelf {
  head(): Revision;
  setHead(revision: Revision): void;
  compacted(): Revision;
  setCompacted(revision: Revision): void;

  state(key: Uint8Array): KeyState | undefined;
  /** In key order, or against it; a reader may stop early. */
  states(range: ByteRange, reverse: boolean): Iterable<KeyState>;
  putState(state: KeyState): void;
  dropState(key: Uint8Array): void;

  logged(revision: Revision): LoggedRevision | undefined;
  /** Ascending, from the given revision on. */
  loggedFrom(revision: Revision): Iterable<LoggedRevision>;
  putLogged(logged: LoggedRevision): void;
  dropLogged(revision: Revision): void;

  /** An id that was never given before, also across restarts. */
  newLease(): LeaseId;
  /** Its time to live in seconds. */
  lease(id: LeaseId): number | undefined;
  leases(): Iterable<{ readonly id: LeaseId; readonly ttlSeconds: number }>;
  putLease(id: LeaseId, ttlSeconds: number): void;
  dropLease(id: LeaseId): void;
  leaseKeys(id: LeaseId): readonly Uint8Array[];
  attach(id: LeaseId, key: Uint8Array): void;
  detach(id: LeaseId, key: Uint8Array): void;

  /** Outcomes of transactions that carried an idempotency key. */
  outcome(idempotencyKey: string): TransactionResult | undefined;
  outcomes(): Iterable<string>;
  putOutcome(idempotencyKey: string, result: TransactionResult): void;
  dropOutcome(idempotencyKey: string): void;
}
