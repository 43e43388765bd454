import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  blobIdSchema,
  emptyTrie,
  HansaError,
  splitFederatedId,
  utf8,
  type FederatedId,
  type KeyValueStore,
} from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { createHandClock, type HandClock } from '../../testkit/hand-clock.ts';
import { collect } from '../../testkit/test-cluster.ts';
import { createWrittenHistory, type WrittenHistory } from '../../testkit/written-history.ts';
import type { ChangeOp, ResourceEntry, SequencedChange } from '../resources/contract.ts';
import { createHistory } from '../resources/history.ts';
import { groupsOf } from './applying.ts';
import { createCopies, type Copies } from './copies.ts';
import { mirrorTables } from './keys.ts';
import { verifyBatch, verifyDigest } from './verifying.ts';

const codec = createMsgpackCodec();
const crypto = createNodeCrypto();
const history = createHistory(crypto);

interface Failing extends KeyValueStore {
  /** Transactions that still succeed; then the store is as good as dead. */
  left: number;
  /** Operations of every transaction that moved the applied position. */
  readonly sizes: number[];
}

/** Fails after so many transactions, as a process that is killed between two of them. */
function failing(store: KeyValueStore): Failing {
  const sizes: number[] = [];
  const made: Failing = {
    ...bound(store),
    left: Number.POSITIVE_INFINITY,
    sizes,
    transact(transaction, options) {
      if (made.left <= 0) {
        throw new HansaError('STORE_UNAVAILABLE', 'killed');
      }
      made.left -= 1;
      sizes.push(transaction.then.length);
      return store.transact(transaction, options);
    },
  };
  return made;
}

/** The first digits of the blobs that the mirrors' entries name. */
async function namedBy(copies: Copies): Promise<readonly string[]> {
  return (await collect(copies.blobs())).map(({ id }) => id.slice(0, 1)).toSorted();
}

/** A store's methods live on its class. */
function bound(store: KeyValueStore): KeyValueStore {
  return {
    limits: store.limits,
    durability: store.durability,
    get: (key, options) => store.get(key, options),
    set: (key, value, options) => store.set(key, value, options),
    delete: (key) => store.delete(key),
    compareAndSet: (key, expected, value, options) =>
      store.compareAndSet(key, expected, value, options),
    compareAndDelete: (key, expected) => store.compareAndDelete(key, expected),
    scan: (range, options) => store.scan(range, options),
    batchRead: (keys) => store.batchRead(keys),
    batchWrite: (ops) => store.batchWrite(ops),
    transact: (transaction, options) => store.transact(transaction, options),
    leaseGrant: (seconds) => store.leaseGrant(seconds),
    leaseKeepAlive: (id) => store.leaseKeepAlive(id),
    leaseRevoke: (id) => store.leaseRevoke(id),
    leaseTimeToLive: (id) => store.leaseTimeToLive(id),
    watch: (target, options) => store.watch(target, options),
    compact: (revision) => store.compact(revision),
    status: () => store.status(),
    close: () => store.close(),
  };
}

let clock: HandClock;
let store: Failing;

beforeEach(() => {
  clock = createHandClock();
  store = failing(createMemoryStore({ clock }));
});

/** As a process does that starts on what the store holds. */
async function open(on: KeyValueStore = store): Promise<Copies> {
  const copies = createCopies({ store: on, codec, crypto, clock, history });
  const { signal } = new AbortController();
  const { mirrors, applied, forks } = copies;
  await Promise.all([mirrors, applied, forks].map((table) => table.start(signal)));
  return copies;
}

function put(key: string, value: string = key, blobs: readonly string[] = []): ChangeOp {
  const references = blobs.map((digit) => {
    const id = blobIdSchema.parse(digit.repeat(64));
    return { id, sizeBytes: 1, manifest: id };
  });
  return { put: { key: utf8(key), value: utf8(value), blobs: references } };
}

function drop(key: string): ChangeOp {
  return { delete: { key: utf8(key) } };
}

/** One round of a mirror: verifies what is missing against what is held, then applies it. */
async function pull(copies: Copies, written: WrittenHistory): Promise<void> {
  const { resource } = written;
  const head = written.head();
  const applied = copies.applied.find(resource)?.value;
  const same = applied?.epoch === head.epoch ? applied : undefined;
  const changes = written.changes.filter(({ sequence }) => sequence > (same?.sequence ?? 0));
  const keys = changes.flatMap(({ change }) =>
    change.ops.map((op) => ('put' in op ? op.put.key : op.delete.key)),
  );
  const versions = await copies.versions(resource, head.epoch, keys);
  const steps = verifyBatch(
    history,
    { changes, head },
    { applied, versionOf: (key) => versions.get(key.join()) ?? 0 },
  );
  const { trie } = await copies.trie(resource, head.epoch);
  const draft = trie.draft();
  const groups = await verifyDigest(history, { head, groups: groupsOf(steps), draft });
  await copies.apply({ head, groups, draft, trie });
}

async function rootOf(copies: Copies, { resource }: WrittenHistory): Promise<Uint8Array> {
  const { trie, sound } = await copies.trie(resource, 1);
  expect(sound).toBe(true);
  return trie.root;
}

async function entriesOf(copies: Copies, { resource }: WrittenHistory, epoch = 1) {
  const entries = await collect(copies.view(resource, epoch).entries());
  return entries.map(({ key, value, version }) => [String(key), String(value), version]);
}

/** What the changes come to, without any store. */
function expected(changes: readonly SequencedChange[]) {
  const entries = new Map<string, Omit<ResourceEntry, 'blobs'>>();
  for (const op of changes.flatMap(({ change }) => change.ops)) {
    const key = ('put' in op ? op.put.key : op.delete.key).join();
    if ('put' in op) {
      const version = (entries.get(key)?.version ?? 0) + 1;
      entries.set(key, { key: op.put.key, value: op.put.value, version });
    } else {
      entries.delete(key);
    }
  }
  return [...entries.values()]
    .toSorted((a, b) => Buffer.compare(a.key, b.key))
    .map(({ key, value, version }) => [String(key), String(value), version]);
}

const newHistory = (epoch = 1): WrittenHistory =>
  createWrittenHistory(crypto, { owner: 1, name: 'a', epoch });

describe('applying a batch', () => {
  test('moves the position to the head, with the entries that its changes come to', async () => {
    const written = newHistory();
    written.write([put('a'), put('b')]);
    written.write([put('a', 'again'), drop('b'), put('c')]);
    const copies = await open();
    await pull(copies, written);
    const { sequence, digest, chain } = written.position();
    expect(copies.applied.find(written.resource)?.value).toMatchObject({
      epoch: 1,
      sequence,
      digest,
      chain,
    });
    expect(await entriesOf(copies, written)).toEqual(expected(written.changes));
    expect(await rootOf(copies, written)).toEqual(digest);
    expect(await rootOf(await open(), written)).toEqual(digest);
  });

  test('never takes more than a hundred operations at once, and each moves the position', async () => {
    const written = newHistory();
    for (let i = 0; i < 60; i += 1) {
      written.write(Array.from({ length: 1 + ((i * 7) % 20) }, (_, at) => put(`k-${i}-${at}`)));
    }
    written.write(Array.from({ length: 90 }, (_, at) => put(`large-${at}`)));
    const copies = await open();
    await pull(copies, written);
    expect(store.sizes.length).toBeGreaterThan(5);
    expect(Math.max(...store.sizes)).toBeLessThanOrEqual(100);
    expect(await entriesOf(copies, written)).toEqual(expected(written.changes));
  });

  test('names the blobs of its entries as they stand, and of no entry that changed or went', async () => {
    const written = newHistory();
    written.write([put('p', '', ['0', '1']), put('q', '', ['2']), put('r', '', ['3'])]);
    written.write([put('p', '', ['1', '4']), { delete: { key: utf8('q') } }]);
    const copies = await open();
    await copies.add({ resource: written.resource, addedMs: 1 });
    await pull(copies, written);
    expect(await namedBy(copies)).toEqual(['1', '3', '4']);
  });

  test('writes a key that changes often in as many transactions as it changes', async () => {
    const written = newHistory();
    for (let i = 0; i < 10; i += 1) {
      written.write([put('a', String(i))]);
    }
    const copies = await open();
    await pull(copies, written);
    expect(await entriesOf(copies, written)).toEqual([['97', '57', 10]]);
    expect(store.sizes).toHaveLength(10);
  });

  test('that is empty still moves the position to the head', async () => {
    const written = newHistory();
    const copies = await open();
    await pull(copies, written);
    const { sequence } = written.position();
    expect(copies.applied.find(written.resource)?.value.sequence).toBe(sequence);
  });

  test('that another node applied at the same time is a CONFLICT, and nothing is done twice', async () => {
    const written = newHistory();
    written.write([put('a')]);
    const [one, two] = [await open(), await open()];
    const done = await Promise.allSettled([pull(one, written), pull(two, written)]);
    expect(done.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(done.find((each) => each.status === 'rejected')).toMatchObject({
      reason: { code: 'CONFLICT' },
    });
    expect(await entriesOf(one, written)).toEqual(expected(written.changes));
  });
});

describe('a crash between two transactions', () => {
  const op = fc.record({ key: fc.nat(30), drop: fc.boolean() });
  const change = fc.uniqueArray(op, { maxLength: 60, selector: ({ key }) => key });

  test('leaves a mirror that goes on where it stopped, without anything lost or done twice', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(change, { minLength: 1, maxLength: 8 }),
        fc.array(fc.nat(3), { maxLength: 6 }),
        async (changes, crashes) => {
          const own = failing(createMemoryStore({ clock }));
          const written = newHistory();
          changes.forEach((ops, index) =>
            written.write(
              ops.map((each) =>
                each.drop ? drop(`key-${each.key}`) : put(`key-${each.key}`, String(index)),
              ),
            ),
          );
          for (const after of crashes) {
            own.left = after;
            await pull(await open(own), written).catch(() => undefined);
          }
          own.left = Number.POSITIVE_INFINITY;
          const copies = await open(own);
          await pull(copies, written);
          expect(await entriesOf(copies, written)).toEqual(expected(written.changes));
          expect(await rootOf(copies, written)).toEqual(written.position().digest);
        },
      ),
      { numRuns: 60 },
    );
  });

  test('leaves a digest that nobody vouches for, over exactly what is stored', async () => {
    const written = newHistory();
    for (let i = 0; i < 5; i += 1) {
      written.write([put('a', String(i)), put(`b-${i}`)]);
    }
    const copies = await open();
    store.left = 3;
    await expect(pull(copies, written)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    store.left = Number.POSITIVE_INFINITY;
    const { trie, sound } = await (await open()).trie(written.resource, 1);
    expect(sound).toBe(false);
    const half = newHistory();
    for (let i = 0; i < 3; i += 1) {
      half.write([put('a', String(i)), put(`b-${i}`)]);
    }
    expect(trie.root).toEqual(half.position().digest);
  });

  test('in the same process does not leave it believing its memory instead of the store', async () => {
    const written = newHistory();
    for (let i = 0; i < 5; i += 1) {
      written.write([put('a', String(i))]);
    }
    const copies = await open();
    store.left = 2;
    await expect(pull(copies, written)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    expect(copies.applied.find(written.resource)?.value.sequence).toBe(
      written.changes[1]?.sequence,
    );
    store.left = Number.POSITIVE_INFINITY;
    await pull(copies, written);
    expect(await entriesOf(copies, written)).toEqual(expected(written.changes));
  });
});

describe('a new epoch', () => {
  test('takes the place of the one before, of which nothing is left', async () => {
    const [old, again] = [newHistory(1), newHistory(2)];
    old.write([put('a'), put('b')]);
    again.write([put('c')]);
    const copies = await open();
    await pull(copies, old);
    await pull(copies, again);
    expect(copies.applied.find(old.resource)?.value.epoch).toBe(2);
    expect(await entriesOf(copies, old, 1)).toEqual([]);
    expect(await entriesOf(copies, again, 2)).toEqual(expected(again.changes));
  });

  test('also where the one before is more than a store deletes at once', async () => {
    const [old, again] = [newHistory(1), newHistory(2)];
    const copies = await open();
    await fill(copies, old);
    again.write([put('c')]);
    await pull(copies, again);
    expect(await entriesOf(copies, again, 2)).toEqual(expected(again.changes));
    expect(await entriesOf(copies, old, 1)).toEqual([]);
  });
});

describe('removing a mirror', () => {
  const keysOf = async (): Promise<number> =>
    (await store.scan({ prefix: utf8('') })).entries.length;

  test('leaves nothing of it, and all of its neighbour', async () => {
    const copies = await open();
    const one = newHistory();
    const two = createWrittenHistory(crypto, { owner: 1, name: 'ab' });
    for (const written of [one, two]) {
      await copies.add({ resource: written.resource, addedMs: 1 });
      written.write([put('a', 'x', ['1']), put('b', 'x', ['2'])]);
      await pull(copies, written);
    }
    const { owner } = splitFederatedId(one.resource);
    expect(copies.of(owner)).toEqual([one.resource, two.resource]);
    await copies.remove(one.resource);
    expect(copies.of(owner)).toEqual([two.resource]);
    expect(await entriesOf(copies, one)).toEqual([]);
    expect(await entriesOf(copies, two)).toEqual(expected(two.changes));
    expect(await namedBy(copies)).toEqual(['1', '2']);
    await copies.remove(two.resource);
    expect(await namedBy(copies)).toEqual([]);
    expect(await keysOf()).toBe(0);
  });

  test('works also where it is more than a store deletes at once', async () => {
    const copies = await open();
    const written = newHistory();
    await copies.add({ resource: written.resource, addedMs: 1 });
    await fill(copies, written);
    await copies.remove(written.resource);
    expect(await keysOf()).toBe(0);
  });

  test('and adding it again begins with nothing', async () => {
    const copies = await open();
    const written = newHistory();
    written.write([put('a')]);
    await pull(copies, written);
    await copies.remove(written.resource);
    expect(await rootOf(copies, written)).toEqual(emptyTrie(crypto).root);
    await pull(copies, written);
    expect(await entriesOf(copies, written)).toEqual(expected(written.changes));
  });
});

/** More entries, by their bytes, than one transaction deletes. */
async function fill(copies: Copies, written: WrittenHistory): Promise<FederatedId> {
  const large = 'x'.repeat(380 * 1_024);
  for (let i = 0; i < 180; i += 1) {
    written.write([put(`key-${i}`, large)]);
    if (i % 2 === 1) {
      await pull(copies, written);
    }
  }
  return written.resource;
}

test('a record of a mirror that does not fit its schema is STORE_DAMAGED', async () => {
  const written = newHistory();
  const tables = mirrorTables(store, codec);
  const key = tables.applied.key(written.resource);
  await store.set(key, codec.encode({ epoch: 0, sequence: 'many' }));
  await expect(open()).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
});
