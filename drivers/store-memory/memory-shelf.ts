// What the store engine keeps, in memory: maps, and a log that is a queue of revisions.
import type {
  ByteRange,
  KeyState,
  LeaseId,
  LoggedRevision,
  Revision,
  Shelf,
  TransactionResult,
} from '@hansa/foundation';
import { byteText, SortedMap } from './sorted-map.ts';

const revisionDigits = 16; // safe integers: as text of one length, their order is theirs
const keyOverheadBytes = 64; // versions and revisions beside a key and its value: only an estimate

export class MemoryShelf implements Shelf {
  #head: Revision = 0;
  #compacted: Revision = 0;
  #leasesGiven = 0;
  #states = new SortedMap<KeyState>();
  #log = new SortedMap<LoggedRevision>();
  #leases = new Map<LeaseId, { ttlSeconds: number; keys: Map<string, Uint8Array> }>();
  #outcomes = new Map<string, TransactionResult>();

  /** The same at this moment, and another one from now on: what a copy of a disk is. */
  copy(): MemoryShelf {
    const copy = new MemoryShelf();
    copy.#head = this.#head;
    copy.#compacted = this.#compacted;
    copy.#leasesGiven = this.#leasesGiven;
    // What stands in them is replaced as a whole, never changed.
    copy.#states = this.#states.copy();
    copy.#log = this.#log.copy();
    copy.#outcomes = new Map(this.#outcomes);
    copy.#leases = new Map(
      [...this.#leases].map(([id, lease]) => [id, { ...lease, keys: new Map(lease.keys) }]),
    );
    return copy;
  }

  head(): Revision {
    return this.#head;
  }

  setHead(revision: Revision): void {
    this.#head = revision;
  }

  compacted(): Revision {
    return this.#compacted;
  }

  setCompacted(revision: Revision): void {
    this.#compacted = revision;
  }

  state(key: Uint8Array): KeyState | undefined {
    return this.#states.get(byteText(key));
  }

  states({ start, end }: ByteRange, reverse: boolean): Iterable<KeyState> {
    const from = byteText(start);
    const to = end === undefined ? undefined : byteText(end);
    return reverse ? this.#states.descending(from, to) : this.#states.ascending(from, to);
  }

  putState(state: KeyState): void {
    this.#states.set(byteText(state.key), state);
  }

  dropState(key: Uint8Array): void {
    this.#states.delete(byteText(key));
  }

  logged(revision: Revision): LoggedRevision | undefined {
    return this.#log.get(logKey(revision));
  }

  loggedFrom(revision: Revision): Iterable<LoggedRevision> {
    return this.#log.ascending(logKey(revision), undefined);
  }

  putLogged(logged: LoggedRevision): void {
    this.#log.set(logKey(logged.revision), logged);
  }

  dropLogged(revision: Revision): void {
    this.#log.delete(logKey(revision));
  }

  newLease(): LeaseId {
    this.#leasesGiven += 1;
    return this.#leasesGiven.toString(16).padStart(revisionDigits, '0');
  }

  lease(id: LeaseId): number | undefined {
    return this.#leases.get(id)?.ttlSeconds;
  }

  *leases(): Generator<{ id: LeaseId; ttlSeconds: number }, void, undefined> {
    for (const [id, { ttlSeconds }] of this.#leases) {
      yield { id, ttlSeconds };
    }
  }

  putLease(id: LeaseId, ttlSeconds: number): void {
    this.#leases.set(id, { ttlSeconds, keys: new Map() });
  }

  dropLease(id: LeaseId): void {
    this.#leases.delete(id);
  }

  leaseKeys(id: LeaseId): readonly Uint8Array[] {
    const keys = this.#leases.get(id)?.keys ?? new Map<string, Uint8Array>();
    return [...keys].sort(([a], [b]) => (a < b ? -1 : 1)).map(([, key]) => key);
  }

  attach(id: LeaseId, key: Uint8Array): void {
    this.#leases.get(id)?.keys.set(byteText(key), key);
  }

  detach(id: LeaseId, key: Uint8Array): void {
    this.#leases.get(id)?.keys.delete(byteText(key));
  }

  outcome(idempotencyKey: string): TransactionResult | undefined {
    return this.#outcomes.get(idempotencyKey);
  }

  outcomes(): Iterable<string> {
    return this.#outcomes.keys();
  }

  putOutcome(idempotencyKey: string, result: TransactionResult): void {
    this.#outcomes.set(idempotencyKey, result);
  }

  dropOutcome(idempotencyKey: string): void {
    this.#outcomes.delete(idempotencyKey);
  }

  /** Of the newest entries only: enough for a status line. */
  sizeBytes(): number {
    let size = 0;
    for (const { key, entry } of this.#states.ascending('', undefined)) {
      size += key.length + (entry?.value.length ?? 0) + keyOverheadBytes;
    }
    return size;
  }
}

function logKey(revision: Revision): string {
  return revision.toString().padStart(revisionDigits, '0');
}
