// Where a store lies within etcd: everything under one prefix, the entries apart from what the
// store keeps for itself, so that several stores share one etcd and see nothing of each other.
import {
  byteRange,
  concatBytes,
  HansaError,
  prefixEnd,
  startsWith,
  utf8,
  type Entry,
  type KeyRange,
} from '@hansa/foundation';
import type { KeyValue } from './messages-kv.ts';

const entriesMark = utf8('k/');
const outcomesMark = utf8('o/');
const historyMark = utf8('h');

/** As etcd wants it: an end that is one zero byte means that there is none. */
export interface EtcdRange {
  readonly key: Uint8Array;
  readonly rangeEnd: Uint8Array;
}

export class Keyspace {
  readonly #entries: Uint8Array;
  readonly #outcomes: Uint8Array;
  /** Of the revisions that history was at, for compaction. */
  readonly historyKey: Uint8Array;
  /** A key that never is: reading it asks for a revision and nothing else. */
  readonly noKey: Uint8Array;

  constructor(prefix: Uint8Array) {
    this.#entries = concatBytes([prefix, entriesMark]);
    this.#outcomes = concatBytes([prefix, outcomesMark]);
    this.historyKey = concatBytes([prefix, historyMark]);
    this.noKey = concatBytes([prefix, Uint8Array.of(0)]);
  }

  /** The key of an entry. */
  into(key: Uint8Array): Uint8Array {
    return concatBytes([this.#entries, key]);
  }

  owns(key: Uint8Array): boolean {
    return startsWith(key, this.#entries);
  }

  out(key: Uint8Array): Uint8Array {
    return key.slice(this.#entries.length);
  }

  outcomeKey(idempotencyKey: string): Uint8Array {
    return concatBytes([this.#outcomes, utf8(idempotencyKey)]);
  }

  range(range: KeyRange): EtcdRange {
    const { start, end } = byteRange(range);
    return {
      key: this.into(start),
      rangeEnd: end === undefined ? (prefixEnd(this.#entries) ?? Uint8Array.of(0)) : this.into(end),
    };
  }

  entry(kv: KeyValue): Entry {
    const { value, version, createRevision, modRevision, lease } = kv;
    const entry = { key: this.out(kv.key), value, version, createRevision, modRevision };
    return lease === '' ? entry : { ...entry, lease };
  }
}

const leaseIdPattern = /^[0-9a-f]{16}$/;

export function isLeaseId(id: string): boolean {
  return leaseIdPattern.test(id) && !/^0+$/.test(id);
}

export function leaseNotFound(id: string): HansaError {
  return new HansaError('STORE_LEASE_NOT_FOUND', `the lease ${id} expired or never was`);
}
