// What the store engine keeps, in one LMDB tree. Calls that write happen inside the transaction of
// a group commit, which begins and finishes them; calls that read see the last commit outside of
// one.
import {
  HansaError,
  invariant,
  isSealed,
  prefixEnd,
  utf8,
  type ByteRange,
  type DamagedRecord,
  type InspectedRecords,
  type KeyState,
  type LeaseId,
  type LoggedRevision,
  type Revision,
  type Sealer,
  type Shelf,
  type TransactionResult,
} from '@hansa/foundation';
import type { RangeOptions, RootDatabase } from 'lmdb';
import { checked, unchecked } from './checked-record.ts';
import { readFailure } from './lmdb-failure.ts';
import {
  logKey,
  packLease,
  packLogged,
  packMeta,
  packOutcome,
  packState,
  recordKey,
  recordKind,
  revisionOf,
  unpackLease,
  unpackLogged,
  unpackMeta,
  unpackOutcome,
  requireReadable,
  unpackState,
  type Meta,
} from './lmdb-records.ts';

// hex digits: of one length, so that it parts cleanly from a key behind it
const leaseIdLength = 16;
const leaseId = new RegExp(`^[0-9a-f]{${leaseIdLength}}$`);
const attached = Buffer.alloc(0); // all that matters is the key
const appended = { append: true };
const metaKey = Buffer.of(recordKind.meta);

// A piece of an inspection: whoever writes meanwhile waits for it, a few ms.
const inspectBytesMax = 1_024 * 1_024;
const inspectRecordsMax = 4_096; // small ones cost more than their bytes

const resealBytesMax = 1_024 * 1_024; // written at once: callers wait a few ms for it
const resealRecordsMax = 4_096; // looked at at once: as long as most are sealed anew already

export class LmdbShelf implements Shelf {
  readonly #db: RootDatabase<Buffer, Buffer>;
  readonly #sealer: Sealer | undefined;
  #meta: Meta;
  #metaChanged = false;
  /** Bytes written since `begin`: work that failed with this unmoved has left nothing behind. */
  written = 0;

  /** With a sealer every record is sealed, under its key; one that is not is damage. */
  constructor(db: RootDatabase<Buffer, Buffer>, sealer?: Sealer) {
    this.#db = db;
    this.#sealer = sealer;
    const first = this.#found(metaKey);
    if (sealer === undefined && first !== undefined && isSealed(first)) {
      throw new HansaError('SEAL_KEY_MISSING', 'the store is sealed, and no key was given');
    }
    this.#meta = unpackMeta(this.#get(metaKey));
  }

  /** First in a transaction: what the file says counts, not what was in memory before. */
  begin(): void {
    this.#meta = unpackMeta(this.#get(metaKey));
    this.#metaChanged = false;
    this.written = 0;
  }

  /** Last in a transaction: one record for all the work in it. */
  finish(): void {
    if (this.#metaChanged) {
      this.#put(metaKey, packMeta(this.#meta));
    }
  }

  #get(key: Buffer): Buffer | undefined {
    const found = this.#found(key);
    return found === undefined ? undefined : this.#opened(key, found);
  }

  #found(key: Buffer): Buffer | undefined {
    try {
      return this.#db.getBinary(key);
    } catch (error) {
      throw readFailure(error);
    }
  }

  *#range(bounds: RangeOptions): Generator<{ key: Buffer; value: Buffer }, void, undefined> {
    try {
      yield* this.#db.getRange(bounds);
    } catch (error) {
      throw readFailure(error);
    }
  }

  #opened(key: Buffer, found: Buffer): Buffer {
    return this.#sealer === undefined
      ? unchecked(key, found)
      : asBuffer(this.#sealer.open(key, found));
  }

  #sealed(key: Buffer, value: Buffer): Buffer {
    if (this.#sealer !== undefined) {
      return asBuffer(this.#sealer.seal(key, value));
    }
    return key === metaKey ? value : checked(key, value);
  }

  #put(key: Buffer, value: Buffer): void {
    this.written += key.length + value.length;
    this.#db.putSync(key, this.#sealed(key, value));
  }

  #remove(key: Buffer): void {
    this.written += key.length;
    this.#db.removeSync(key);
  }

  head(): Revision {
    return this.#meta.head;
  }

  setHead(head: Revision): void {
    this.#meta.head = head;
    this.#metaChanged = true;
  }

  compacted(): Revision {
    return this.#meta.compacted;
  }

  setCompacted(compacted: Revision): void {
    this.#meta.compacted = compacted;
    this.#metaChanged = true;
  }

  state(key: Uint8Array): KeyState | undefined {
    const found = this.#get(recordKey(recordKind.state, key));
    return found === undefined ? undefined : unpackState(key, found);
  }

  *states({ start, end }: ByteRange, reverse: boolean): Generator<KeyState, void, undefined> {
    const low = recordKey(recordKind.state, start);
    const high =
      end === undefined ? Buffer.of(recordKind.state + 1) : recordKey(recordKind.state, end);
    if (Buffer.compare(low, high) >= 0) {
      return;
    }
    // LMDB's own reverse takes its bounds the other way round.
    const range = reverse
      ? { start: high, end: low, reverse, exclusiveStart: true, inclusiveEnd: true }
      : { start: low, end: high };
    for (const { key, value } of this.#range(range)) {
      yield unpackState(plain(key, 1), this.#opened(key, value));
    }
  }

  putState(state: KeyState): void {
    this.#put(recordKey(recordKind.state, state.key), packState(state));
  }

  dropState(key: Uint8Array): void {
    this.#remove(recordKey(recordKind.state, key));
  }

  logged(revision: Revision): LoggedRevision | undefined {
    const found = this.#get(logKey(revision));
    return found === undefined ? undefined : unpackLogged(revision, found);
  }

  *loggedFrom(revision: Revision): Generator<LoggedRevision, void, undefined> {
    const range = { start: logKey(revision), end: Buffer.of(recordKind.end) };
    for (const { key, value } of this.#range(range)) {
      yield unpackLogged(revisionOf(key), this.#opened(key, value));
    }
  }

  putLogged(logged: LoggedRevision): void {
    const key = logKey(logged.revision);
    if (logged.revision <= this.#meta.head) {
      this.#put(key, packLogged(logged));
      return;
    }
    // The log's end is the tree's end: appending fills pages that a search would leave half empty.
    const value = packLogged(logged);
    this.written += key.length + value.length;
    const isLast: unknown = this.#db.putSync(key, this.#sealed(key, value), appended);
    invariant(isLast === true, 'a new revision is the last record');
  }

  dropLogged(revision: Revision): void {
    this.#remove(logKey(revision));
  }

  newLease(): LeaseId {
    this.#meta.leasesGiven += 1;
    this.#metaChanged = true;
    return this.#meta.leasesGiven.toString(16).padStart(leaseIdLength, '0');
  }

  lease(id: LeaseId): number | undefined {
    const found = leaseId.test(id) ? this.#get(recordKey(recordKind.lease, utf8(id))) : undefined;
    return found === undefined ? undefined : unpackLease(found);
  }

  *leases(): Generator<{ id: LeaseId; ttlSeconds: number }, void, undefined> {
    for (const { key, value } of this.#kind(recordKind.lease)) {
      yield { id: key.toString('latin1', 1), ttlSeconds: unpackLease(this.#opened(key, value)) };
    }
  }

  #kind(kind: number): Iterable<{ key: Buffer; value: Buffer }> {
    return this.#range({ start: Buffer.of(kind), end: Buffer.of(kind + 1) });
  }

  putLease(id: LeaseId, ttlSeconds: number): void {
    this.#put(recordKey(recordKind.lease, utf8(id)), packLease(ttlSeconds));
  }

  dropLease(id: LeaseId): void {
    this.#remove(recordKey(recordKind.lease, utf8(id)));
  }

  leaseKeys(id: LeaseId): readonly Uint8Array[] {
    const start = recordKey(recordKind.leaseKey, utf8(id));
    const end = prefixEnd(new Uint8Array(start)); // a Buffer's slice would be a view of `start`
    invariant(end !== undefined, 'a lease id is not all 0xff');
    const keys: Uint8Array[] = [];
    for (const { key } of this.#range({ start, end: asBuffer(end) })) {
      keys.push(plain(key, start.length));
    }
    return keys;
  }

  attach(id: LeaseId, key: Uint8Array): void {
    this.#put(leaseKeyKey(id, key), attached);
  }

  detach(id: LeaseId, key: Uint8Array): void {
    this.#remove(leaseKeyKey(id, key));
  }

  outcome(idempotencyKey: string): TransactionResult | undefined {
    const found = this.#get(recordKey(recordKind.outcome, utf8(idempotencyKey)));
    return found === undefined ? undefined : unpackOutcome(found);
  }

  *outcomes(): Generator<string, void, undefined> {
    for (const { key } of this.#kind(recordKind.outcome)) {
      yield key.toString('utf8', 1);
    }
  }

  putOutcome(idempotencyKey: string, result: TransactionResult): void {
    this.#put(recordKey(recordKind.outcome, utf8(idempotencyKey)), packOutcome(result));
  }

  dropOutcome(idempotencyKey: string): void {
    this.#remove(recordKey(recordKind.outcome, utf8(idempotencyKey)));
  }

  /**
   * Seals anew what is not under the current data key, from the record after this one on: a bounded
   * piece, inside a write transaction. Returns how many it looked at, and where to go on.
   */
  reseal(after: Uint8Array | undefined): { looked: number; after?: Uint8Array } {
    const sealer = this.#sealer;
    invariant(sealer !== undefined, 'only a sealed store is sealed anew');
    const start = after === undefined ? metaKey : Buffer.concat([after, Buffer.of(0)]);
    const stale: { key: Buffer; value: Buffer }[] = [];
    let looked = 0;
    let bytes = 0;
    let last: Buffer | undefined;
    for (const { key, value } of this.#range({ start, end: Buffer.of(recordKind.end) })) {
      looked += 1;
      last = key;
      if (!sealer.isCurrent(value)) {
        stale.push({ key, value: Buffer.from(value) });
        bytes += value.length;
      }
      if (looked >= resealRecordsMax || bytes >= resealBytesMax) {
        break;
      }
    }
    // All are opened before the first is written: a damaged one leaves nothing half done.
    const opened = stale.map(({ key, value }) => ({ key, value: this.#opened(key, value) }));
    opened.forEach(({ key, value }) => this.#put(key, value));
    const isEnd = looked < resealRecordsMax && bytes < resealBytesMax;
    return isEnd || last === undefined ? { looked } : { looked, after: new Uint8Array(last) };
  }

  /** Reads a bounded piece of all records, after one of them, and says which are damaged. */
  inspect(after: Uint8Array | undefined): InspectedRecords {
    const start = after === undefined ? metaKey : Buffer.concat([after, Buffer.of(0)]);
    const damaged: DamagedRecord[] = [];
    let [records, bytes] = [0, 0];
    let last: Buffer | undefined;
    for (const { key, value } of this.#range({ start, end: Buffer.of(recordKind.end) })) {
      records += 1;
      bytes += key.length + value.length;
      last = key;
      if (!this.#isSound(key, value)) {
        damaged.push(damagedRecord(key));
      }
      if (records >= inspectRecordsMax || bytes >= inspectBytesMax) {
        break;
      }
    }
    const isEnd = records < inspectRecordsMax && bytes < inspectBytesMax;
    const found = { records, bytes, damaged };
    return isEnd || last === undefined ? found : { ...found, after: new Uint8Array(last) };
  }

  #isSound(key: Buffer, value: Buffer): boolean {
    try {
      requireReadable(key, this.#opened(key, value));
      return true;
    } catch {
      return false;
    }
  }

  /** A damaged record as it lies there; undefined where it is sound, or not there. */
  damaged(record: Uint8Array): Buffer | undefined {
    const key = asBuffer(record);
    const found = this.#found(key);
    return found === undefined || this.#isSound(key, found) ? undefined : Buffer.from(found);
  }

  /** Whatever it says is gone: only for what cannot be read. */
  dropRecord(record: Uint8Array): void {
    this.#remove(asBuffer(record));
  }

  records(): number {
    const stats: { entryCount?: unknown } = this.#db.getStats();
    return typeof stats.entryCount === 'number' ? stats.entryCount : 0;
  }
}

function damagedRecord(key: Buffer): DamagedRecord {
  const record = new Uint8Array(key);
  return key[0] === recordKind.state ? { record, key: record.subarray(1) } : { record };
}

function leaseKeyKey(id: LeaseId, key: Uint8Array): Buffer {
  return recordKey(recordKind.leaseKey, Buffer.concat([utf8(id), key]));
}

/** The same bytes, not a copy. */
function asBuffer(bytes: Uint8Array): Buffer {
  return Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
}

/** The rest of a key as every other engine gives it: a Uint8Array, not a Buffer. */
function plain(key: Buffer, from: number): Uint8Array {
  return new Uint8Array(key.buffer, key.byteOffset + from, key.length - from);
}
