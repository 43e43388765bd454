// How the store's records lie in the LMDB file: one tree whose keys begin with a byte that says
// what the record is. The log comes last, so that it grows at the right edge.
import { crc32 } from 'node:zlib';
import { HansaError, type Entry, type KeyState, type LoggedRevision } from '@hansa/foundation';
import type { LoggedEvent, Revision, TransactionResult } from '@hansa/foundation';
import { Packr } from 'msgpackr';

export const recordKind = {
  meta: 1,
  state: 2,
  lease: 3,
  leaseKey: 4,
  outcome: 5,
  log: 6,
  end: 7,
} as const;

const format = 4; // rises when records change their layout
const formatUnchecked = 3; // records without checksums: read as they are, written with them
const revisionBytes = 7; // 2^53 - 1 needs seven; big-endian, so that their order is that of numbers
const packr = new Packr({ useRecords: false });

export interface Meta {
  head: Revision;
  compacted: Revision;
  leasesGiven: number;
}

export function recordKey(kind: number, rest: Uint8Array): Buffer {
  const key = Buffer.allocUnsafe(rest.length + 1);
  key[0] = kind;
  key.set(rest, 1);
  return key;
}

export function logKey(revision: Revision): Buffer {
  const key = Buffer.allocUnsafe(1 + revisionBytes);
  key[0] = recordKind.log;
  // writeUIntBE stops at six bytes.
  key[1] = Math.floor(revision / 2 ** 48);
  key.writeUIntBE(revision % 2 ** 48, 2, 6);
  return key;
}

export function revisionOf(key: Uint8Array): Revision {
  return key.subarray(1).reduce((number, byte) => number * 256 + byte, 0);
}

function damaged(what: string, cause?: unknown): HansaError {
  return new HansaError('STORE_DAMAGED', `the store's file holds a ${what} that is none`, {
    cause,
    fix: 'restore the data folder from a backup',
  });
}

/** Byte strings inside come back as plain Uint8Arrays, as every other engine gives them. */
function unpackList(bytes: Uint8Array, what: string): readonly unknown[] {
  let found: unknown;
  try {
    found = packr.unpack(new Uint8Array(bytes.buffer, bytes.byteOffset, bytes.length));
  } catch (error) {
    throw damaged(what, error);
  }
  if (!Array.isArray(found)) {
    throw damaged(what);
  }
  return found;
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value);
}

export function packMeta(meta: Readonly<Meta>): Buffer {
  return packr.pack([format, meta.head, meta.compacted, meta.leasesGiven, sumOf(meta)]);
}

/**
 * Inside, where other records have theirs around them: an older release reads the format of this
 * one first, and says that it is another.
 */
function sumOf({ head, compacted, leasesGiven }: Readonly<Meta>): number {
  return crc32(`${head} ${compacted} ${leasesGiven}`);
}

export function unpackMeta(bytes: Uint8Array | undefined): Meta {
  if (bytes === undefined) {
    return { head: 0, compacted: 0, leasesGiven: 0 };
  }
  const [found, head, compacted, leasesGiven, sum] = unpackList(bytes, 'first record');
  if (found !== format && found !== formatUnchecked) {
    throw new HansaError('STORE_FORMAT', `the store's format is ${String(found)}, not ${format}`, {
      fix: 'run the version of Hansa that wrote it',
    });
  }
  if (!isCount(head) || !isCount(compacted) || !isCount(leasesGiven)) {
    throw damaged('first record');
  }
  const meta = { head, compacted, leasesGiven };
  if (found === format && sum !== sumOf(meta)) {
    throw damaged('first record');
  }
  return meta;
}

// An entry without what stands beside it: value, version, createRevision, and its lease if any.
// Kept flat inside its record: every nested list costs a write as much as its bytes do.
const entryFields = 4;

function fieldsOf(entry: Entry): readonly [Uint8Array, number, Revision, string | null] {
  return [entry.value, entry.version, entry.createRevision, entry.lease ?? null];
}

function entryOf(key: Uint8Array, modRevision: unknown, fields: readonly unknown[]): Entry {
  const [value, version, createRevision, lease] = fields;
  const counted = isCount(version) && isCount(createRevision) && isCount(modRevision);
  if (!(value instanceof Uint8Array) || !counted) {
    throw damaged('key');
  }
  const entry = { key, value, version, createRevision, modRevision };
  return typeof lease === 'string' ? { ...entry, lease } : entry;
}

export function packState({ revision, entry }: KeyState): Buffer {
  return packr.pack(entry === null ? [revision] : [revision, ...fieldsOf(entry)]);
}

export function unpackState(key: Uint8Array, bytes: Uint8Array): KeyState {
  const [revision, ...fields] = unpackList(bytes, 'key');
  if (!isCount(revision)) {
    throw damaged('key');
  }
  return { key, revision, entry: fields.length === 0 ? null : entryOf(key, revision, fields) };
}

export function packLogged({ atMs, events }: LoggedRevision): Buffer {
  return packr.pack([atMs, ...events.map(packedEvent)]);
}

// Key and revision before; then the entry; then, where the log had lost it, the entry before.
function packedEvent({ key, before, entry, prev }: LoggedEvent): readonly unknown[] {
  if (prev !== undefined) {
    const past = [...fieldsOf(prev), prev.modRevision];
    return entry === null
      ? [key, before, null, ...past]
      : [key, before, ...fieldsOf(entry), ...past];
  }
  return entry === null ? [key, before] : [key, before, ...fieldsOf(entry)];
}

export function unpackLogged(revision: Revision, bytes: Uint8Array): LoggedRevision {
  const [atMs, ...packed] = unpackList(bytes, 'revision');
  if (typeof atMs !== 'number') {
    throw damaged('revision');
  }
  return { revision, atMs, events: packed.map((fields) => eventOf(revision, fields)) };
}

function eventOf(revision: Revision, packed: unknown): LoggedEvent {
  const [key, before, ...fields] = Array.isArray(packed) ? packed : [];
  if (!(key instanceof Uint8Array) || !isCount(before)) {
    throw damaged('revision');
  }
  const isDelete = fields.length === 0 || fields[0] === null;
  const entry = isDelete ? null : entryOf(key, revision, fields);
  const past = fields.slice(isDelete ? 1 : entryFields);
  return past.length === 0
    ? { key, before, entry }
    : { key, before, entry, prev: entryOf(key, past[entryFields], past) };
}

export function packLease(ttlSeconds: number): Buffer {
  return packr.pack([ttlSeconds]);
}

export function unpackLease(bytes: Uint8Array): number {
  const [ttlSeconds] = unpackList(bytes, 'lease');
  if (!isCount(ttlSeconds)) {
    throw damaged('lease');
  }
  return ttlSeconds;
}

export function packOutcome(result: TransactionResult): Buffer {
  return packr.pack([result]);
}

export function unpackOutcome(bytes: Uint8Array): TransactionResult {
  const [result] = unpackList(bytes, 'outcome');
  if (typeof result !== 'object' || result === null || !('succeeded' in result)) {
    throw damaged('outcome');
  }
  // What was packed above; its parts are bytes, numbers and texts, which the packing keeps.
  return result as TransactionResult;
}

/** STORE_DAMAGED where a record cannot be what its key says it is. */
export function requireReadable(key: Uint8Array, bytes: Uint8Array): void {
  switch (key[0]) {
    case recordKind.meta:
      unpackMeta(bytes);
      break;
    case recordKind.state:
      unpackState(key, bytes);
      break;
    case recordKind.lease:
      unpackLease(bytes);
      break;
    case recordKind.outcome:
      unpackOutcome(bytes);
      break;
    case recordKind.log:
      unpackLogged(revisionOf(key), bytes);
      break;
    default: // who holds a lease: all that matters is the key
  }
}
