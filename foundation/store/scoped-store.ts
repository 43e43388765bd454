// A part of a store that looks like a whole one: every key lies under one tuple prefix and comes
// back without it. What holds a scope can neither see nor touch its neighbours. Scopes nest.
import { concatBytes, startsWith } from '../bytes.ts';
import { HansaError } from '../errors.ts';
import type {
  Compare,
  Entry,
  KeyRange,
  KeyValueStore,
  Op,
  OpResult,
  Revision,
  Transaction,
  WatchBatch,
  WatchEvent,
} from './store.ts';
import { packKey } from './tuple.ts';

/**
 * Closing a scope does nothing: the store is its opener's to close. Compaction, status and
 * revisions are the whole store's.
 */
export function scopeStore(store: KeyValueStore, name: string): KeyValueStore {
  if (name.includes('\0')) {
    // Escaped as 00 FF, it would look like a key FF… of the scope whose name ends before it.
    throw new HansaError('INPUT_INVALID', 'the name of a scope has no zero character');
  }
  const scope = createScope(packKey([name]));
  return {
    limits: { ...store.limits, keyBytesMax: store.limits.keyBytesMax - scope.prefixBytes },
    durability: store.durability,
    ...scopedReads(store, scope),
    ...scopedWrites(store, scope, name),
    ...scopedLeases(store, scope),
    watch: (target, options) => {
      const inner =
        'key' in target ? { key: scope.into(target.key) } : { prefix: scope.range(target.prefix) };
      return scopedBatches(store.watch(inner, options), scope);
    },
    compact: (revision) => store.compact(revision),
    status: () => store.status(),
    close: async () => undefined,
  };
}

/** A key of a scope as the whole store has it. */
export function scopedKey(name: string, key: Uint8Array): Uint8Array {
  return createScope(packKey([name])).into(key);
}

interface Scope {
  readonly prefixBytes: number;
  owns(key: Uint8Array): boolean;
  /** A key of the scope as the store's key. */
  into(key: Uint8Array): Uint8Array;
  /** A bound of a range, which may be empty. */
  range(bound: Uint8Array): Uint8Array;
  out(key: Uint8Array): Uint8Array;
  entry(entry: Entry): Entry;
}

function createScope(prefix: Uint8Array): Scope {
  const range = (bound: Uint8Array): Uint8Array => concatBytes([prefix, bound]);
  const out = (key: Uint8Array): Uint8Array => key.subarray(prefix.length);
  return {
    prefixBytes: prefix.length,
    owns: (key) => startsWith(key, prefix),
    into: (key) => {
      if (key.length === 0) {
        throw new HansaError('INPUT_INVALID', 'a key has at least one byte');
      }
      return range(key);
    },
    range,
    out,
    entry: (entry) => ({ ...entry, key: out(entry.key) }),
  };
}

function entryOrNull(scope: Scope, entry: Entry | null): Entry | null {
  return entry === null ? null : scope.entry(entry);
}

function keyRange(scope: Scope, range: KeyRange): KeyRange {
  return 'prefix' in range
    ? { prefix: scope.range(range.prefix) }
    : { start: scope.range(range.start), end: scope.range(range.end) };
}

type Reads = Pick<KeyValueStore, 'get' | 'scan' | 'batchRead'>;

function scopedReads(store: KeyValueStore, scope: Scope): Reads {
  return {
    async get(key, options) {
      const { entry, revision } = await store.get(scope.into(key), options);
      return { entry: entryOrNull(scope, entry), revision };
    },
    async scan(range, options) {
      const page = await store.scan(keyRange(scope, range), options);
      return { ...page, entries: page.entries.map(scope.entry) };
    },
    async batchRead(keys) {
      const { entries, revision } = await store.batchRead(keys.map(scope.into));
      return { entries: entries.map((entry) => entryOrNull(scope, entry)), revision };
    },
  };
}

type Swapped =
  | { ok: true; revision: Revision }
  | { ok: false; current: Entry | null; revision: Revision };

function swapped(scope: Scope, swap: Swapped): Swapped {
  return swap.ok ? swap : { ...swap, current: entryOrNull(scope, swap.current) };
}

type Writes = Pick<
  KeyValueStore,
  'set' | 'delete' | 'compareAndSet' | 'compareAndDelete' | 'batchWrite' | 'transact'
>;

function scopedWrites(store: KeyValueStore, scope: Scope, name: string): Writes {
  const op = (given: Op): Op => scopedOp(scope, given);
  const compare = (given: Compare): Compare => ({ ...given, key: scope.into(given.key) });
  return {
    set: async (key, value, options) => store.set(scope.into(key), value, options),
    delete: async (key) => store.delete(scope.into(key)),
    compareAndSet: async (key, expect, value, options) =>
      swapped(scope, await store.compareAndSet(scope.into(key), expect, value, options)),
    compareAndDelete: async (key, expect) =>
      swapped(scope, await store.compareAndDelete(scope.into(key), expect)),
    batchWrite: async (ops) => store.batchWrite(ops.map(op)),
    async transact(transaction, options) {
      const inner: Transaction = {
        if: transaction.if.map(compare),
        then: transaction.then.map(op),
        else: (transaction.else ?? []).map(op),
      };
      // The length keeps ("a", "b:c") apart from ("a:b", "c").
      const key = options?.idempotencyKey;
      const outcome = await store.transact(
        inner,
        key === undefined ? {} : { idempotencyKey: `${name.length}:${name}:${key}` },
      );
      const results = outcome.results.map((result) => scopedResult(scope, result));
      return { ...outcome, results };
    },
  };
}

function scopedOp(scope: Scope, op: Op): Op {
  if ('put' in op) {
    return { put: { ...op.put, key: scope.into(op.put.key) } };
  }
  if ('delete' in op) {
    const target = op.delete;
    return 'key' in target
      ? { delete: { key: scope.into(target.key) } }
      : { delete: { prefix: scope.range(target.prefix) } };
  }
  if ('get' in op) {
    return { get: { key: scope.into(op.get.key) } };
  }
  const { limit } = op.scan;
  return { scan: { ...keyRange(scope, op.scan), ...(limit === undefined ? {} : { limit }) } };
}

function scopedResult(scope: Scope, result: OpResult): OpResult {
  if ('get' in result) {
    return { get: { entry: entryOrNull(scope, result.get.entry) } };
  }
  return 'scan' in result ? { scan: { entries: result.scan.entries.map(scope.entry) } } : result;
}

type Leases = Pick<
  KeyValueStore,
  'leaseGrant' | 'leaseKeepAlive' | 'leaseRevoke' | 'leaseTimeToLive'
>;

function scopedLeases(store: KeyValueStore, scope: Scope): Leases {
  return {
    leaseGrant: (ttlSeconds) => store.leaseGrant(ttlSeconds),
    leaseKeepAlive: (id) => store.leaseKeepAlive(id),
    leaseRevoke: (id) => store.leaseRevoke(id),
    async leaseTimeToLive(id) {
      const { ttlSeconds, keys } = await store.leaseTimeToLive(id);
      return { ttlSeconds, keys: keys.filter(scope.owns).map(scope.out) };
    },
  };
}

async function* scopedBatches(
  batches: AsyncIterable<WatchBatch>,
  scope: Scope,
): AsyncGenerator<WatchBatch, void, undefined> {
  for await (const batch of batches) {
    yield 'progress' in batch
      ? batch
      : { revision: batch.revision, events: batch.events.map((event) => inScope(scope, event)) };
  }
}

function inScope(scope: Scope, event: WatchEvent): WatchEvent {
  const { type, key, entry, prev } = event;
  const inside = { type, key: scope.out(key), entry: entryOrNull(scope, entry) };
  return prev === undefined ? inside : { ...inside, prev: scope.entry(prev) };
}
