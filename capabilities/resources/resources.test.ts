import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  blobIdSchema,
  emptyTrie,
  fromHex,
  localId,
  reportOf,
  toHex,
  utf8,
  type KeyValueStore,
  type LocalId,
} from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { createHandClock, type HandClock } from '../../testkit/hand-clock.ts';
import { roads } from '../../testkit/roads.ts';
import { createSeededRandom } from '../../testkit/seeded-random.ts';
import { collect, createTestSigner } from '../../testkit/test-cluster.ts';
import {
  batchChangesMax,
  changeOpsMax,
  resourcesContract,
  type ChangeOp,
  type Head,
  type ResourceLog,
  type Resources,
} from './contract.ts';
import { createHistory } from './history.ts';
import { resourceTables } from './keys.ts';
import { createResourceLog } from './log.ts';
import { resourcesSuite } from './resources.suite.ts';
import { createResources } from './service.ts';

const codec = createMsgpackCodec();
const crypto = createNodeCrypto();
const history = createHistory(crypto);
const signer = createTestSigner(crypto, 1, 'lubeck');
const hansa = localId('git', 'hansa');
const by = { author: 'ada' };

let clock: HandClock;
let store: KeyValueStore;

beforeEach(() => {
  clock = createHandClock();
  clock.advance(1_700_000_000_000);
  store = createMemoryStore({ clock });
});

async function open(given: Partial<{ store: KeyValueStore; seed: number }> = {}) {
  const random = createSeededRandom(given.seed ?? 1);
  const needs = { store: given.store ?? store, codec, crypto, clock, random, signer };
  const { log, start } = createResourceLog(needs);
  await start(new AbortController().signal);
  return log;
}

async function openWith(...names: readonly string[]): Promise<ResourceLog> {
  const log = await open();
  for (const name of names) {
    await log.create({ kind: 'git', name });
  }
  return log;
}

function put(key: string, value: string | Uint8Array = key): ChangeOp {
  const bytes = typeof value === 'string' ? utf8(value) : value;
  return { put: { key: utf8(key), value: bytes, blobs: [] } };
}

function drop(key: string): ChangeOp {
  return { delete: { key: utf8(key) } };
}

function blobNamed(digit: string) {
  const id = blobIdSchema.parse(digit.repeat(64));
  return { id, sizeBytes: 4, manifest: id };
}

async function sign(log: ResourceLog, ids: readonly LocalId[]): Promise<Head[]> {
  const heads = ids.map(async (id) => {
    const position = await log.position(id);
    if (position === undefined) {
      throw new Error(`${id} has no position`);
    }
    return log.sign(id, position);
  });
  await expect.poll(() => clock.sleepers).toBeGreaterThan(0);
  clock.advance(10);
  return Promise.all(heads);
}

roads<Resources>(resourcesContract, async () => {
  const log = await open({ store: createMemoryStore({ clock: createHandClock() }) });
  const labels = { tier: 'gold' };
  await log.create({ kind: 'git', name: 'hansa', type: 'code', labels });
  await log.append(hansa, [put('refs')], by);
  await log.create({ kind: 'kv', name: 'limits' });
  return createResources(log);
}).forEach(resourcesSuite);

describe('a resource', () => {
  test('is made once', async () => {
    const log = await openWith('hansa');
    const again = log.create({ kind: 'git', name: 'hansa' });
    await expect(again).rejects.toMatchObject({ code: 'RESOURCE_EXISTS' });
  });

  test('asked for twice at the same moment, on two nodes, is made once', async () => {
    const [one, two] = [await open(), await open()];
    const made = await Promise.allSettled(
      [one, two].map((log) => log.create({ kind: 'git', name: 'hansa' })),
    );
    expect(made.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(one.find(hansa)).toEqual(two.find(hansa));
  });

  test('that was removed is not there, in any way', async () => {
    const log = await openWith('hansa');
    await log.append(hansa, [put('refs')], by);
    await log.remove(hansa);
    const gone = { code: 'RESOURCE_NOT_FOUND' };
    expect(log.find(hansa)).toBeUndefined();
    expect(log.all()).toEqual([]);
    await expect(log.position(hansa)).resolves.toBeUndefined();
    await expect(log.remove(hansa)).rejects.toMatchObject(gone);
    await expect(log.append(hansa, [put('a')], by)).rejects.toMatchObject(gone);
    await expect(log.entry(hansa, utf8('refs'))).rejects.toMatchObject(gone);
    await expect(async () => collect(log.entries(hansa))).rejects.toMatchObject(gone);
  });

  test('that is made again is in the next epoch, empty, on another chain', async () => {
    const log = await openWith('hansa');
    const before = await log.append(hansa, [put('refs')], by);
    for (let epoch = 2; epoch < 4; epoch += 1) {
      await log.remove(hansa);
      const again = await log.create({ kind: 'git', name: 'hansa' });
      expect(again.epoch).toBe(epoch);
      const position = await log.position(hansa);
      expect(position?.epoch).toBe(epoch);
      expect(toHex(position?.digest ?? before.digest)).toBe('00'.repeat(32));
      expect(position?.chain).not.toEqual(before.chain);
      await expect(collect(log.entries(hansa))).resolves.toEqual([]);
      await expect(collect(log.changes(hansa, before))).resolves.toEqual([]);
      await log.append(hansa, [put('refs')], by);
    }
  });

  test('removed twice at the same moment, on two nodes, is removed once', async () => {
    const [one, two] = [await openWith('hansa'), await open()];
    const done = await Promise.allSettled([one.remove(hansa), two.remove(hansa)]);
    expect(done.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(done.find((each) => each.status === 'rejected')).toMatchObject({
      reason: { code: 'RESOURCE_NOT_FOUND' },
    });
  });

  test('with more history than a store deletes at once can still be removed', async () => {
    const log = await openWith('hansa');
    const large = new Uint8Array(380 * 1_024);
    for (let i = 0; i < 180; i += 1) {
      await log.append(hansa, [put('refs', large)], by);
    }
    await log.remove(hansa);
    expect(log.find(hansa)).toBeUndefined();
    const left = await store.scan({ prefix: resourceTables(store, codec).changes.prefix(hansa) });
    expect(left.entries).toEqual([]);
  });
});

describe('an appended change', () => {
  test('moves position, chain and digest, and is read back with its sequence', async () => {
    const log = await openWith('hansa');
    const before = await log.position(hansa);
    const after = await log.append(hansa, [put('refs', 'one'), put('b')], by);
    expect(await log.position(hansa)).toEqual(after);
    const [only, ...more] = await collect(log.changes(hansa, { epoch: 1, sequence: 0 }));
    expect(more).toEqual([]);
    expect(only).toMatchObject({
      sequence: after.sequence,
      change: { epoch: 1, previous: before?.sequence, author: 'ada' },
    });
    expect(await log.entry(hansa, utf8('refs'))).toEqual({
      key: utf8('refs'),
      value: utf8('one'),
      version: 1,
      blobs: [],
    });
    await expect(collect(log.changes(hansa, after))).resolves.toEqual([]);
  });

  test('that expected another position is a CONFLICT and leaves nothing', async () => {
    const log = await openWith('hansa');
    const first = await log.append(hansa, [put('a')], by);
    await log.append(hansa, [put('b')], { ...by, expect: first.sequence });
    const late = log.append(hansa, [put('c')], { ...by, expect: first.sequence });
    await expect(late).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(log.entry(hansa, utf8('c'))).resolves.toBeUndefined();
  });

  test('is one of many at the same time, on two nodes, and none is lost', async () => {
    const [one, two] = [await openWith('hansa'), await open()];
    const names = Array.from({ length: 40 }, (_, index) => `key-${index}`);
    await Promise.all(
      names.map((name, index) => (index % 2 === 0 ? one : two).append(hansa, [put(name)], by)),
    );
    const entries = await collect(one.entries(hansa));
    expect(entries.map(({ version }) => version)).toEqual(names.map(() => 1));
    const changes = await collect(two.changes(hansa, { epoch: 1, sequence: 0 }));
    expect(changes).toHaveLength(names.length);
    changes.slice(1).forEach(({ change }, index) => {
      expect(change.previous).toBe(changes[index]?.sequence);
    });
  });

  test('counts the versions of an entry from 1, and from 1 again after its removal', async () => {
    const log = await openWith('hansa');
    const version = async (): Promise<number | undefined> =>
      (await log.entry(hansa, utf8('a')))?.version;
    await log.append(hansa, [put('a')], by);
    await log.append(hansa, [put('a', 'again')], by);
    expect(await version()).toBe(2);
    await log.append(hansa, [drop('a')], by);
    expect(await version()).toBeUndefined();
    await log.append(hansa, [put('a')], by);
    expect(await version()).toBe(1);
  });

  test('gives the same chain and digest on every machine with the same content', async () => {
    const positions = [];
    for (const seed of [1, 2]) {
      const own = createMemoryStore({ clock: createHandClock() });
      const log = await open({ store: own, seed });
      await log.create({ kind: 'git', name: 'hansa' });
      await log.append(hansa, [put('a'), put('b')], by);
      positions.push(await log.append(hansa, [drop('a'), put('c')], by));
      clock.advance(-20); // the hybrid clock of the second must not see the first one's time
      clock.advance(20);
    }
    expect(positions[1]).toEqual(positions[0]);
  });

  test('names its blobs, so that a peer who may pull the resource may read them', async () => {
    const log = await openWith('hansa', 'other');
    const reference = blobNamed('a');
    const value = utf8('x');
    await log.append(hansa, [{ put: { key: utf8('p'), value, blobs: [reference] } }], by);
    await expect(log.blob(hansa, reference.id)).resolves.toEqual(reference);
    await expect(log.blob(hansa, blobNamed('b').id)).resolves.toBeUndefined();
    await expect(log.blob(localId('git', 'other'), reference.id)).resolves.toBeUndefined();
  });

  test.each([
    ['of as many operations as there may be', changeOpsMax, 0, true],
    ['of one operation more', changeOpsMax + 1, 0, false],
    ['whose blobs count as operations', changeOpsMax - 16, 16, true],
    ['with one blob too many', changeOpsMax - 15, 16, false],
  ])('%s: taken is %s', async (_, count, blobs, taken) => {
    const log = await openWith('hansa');
    const references = Array.from('0123456789abcdef', blobNamed).slice(0, blobs);
    const ops = Array.from({ length: count }, (_each, index): ChangeOp => {
      const key = utf8(`key-${index}`);
      return { put: { key, value: utf8(''), blobs: index === 0 ? references : [] } };
    });
    const code = await log.append(hansa, ops, by).then(
      () => 'taken',
      (error: unknown) => reportOf(error).code,
    );
    expect(code).toBe(taken ? 'taken' : 'CHANGE_TOO_LARGE');
  });

  test('of more bytes than a record holds is CHANGE_TOO_LARGE, and says what to do', async () => {
    const log = await openWith('hansa');
    const large = log.append(hansa, [put('a', new Uint8Array(400 * 1_024))], by);
    await expect(large).rejects.toMatchObject({ code: 'CHANGE_TOO_LARGE', fix: /blobs/ });
    await expect(log.append(hansa, [put('a')], by)).resolves.toMatchObject({ epoch: 1 });
  });

  test('that writes a key twice is refused whole', async () => {
    const log = await openWith('hansa');
    const twice = log.append(hansa, [put('a'), put('a', 'again')], by);
    await expect(twice).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    await expect(collect(log.entries(hansa))).resolves.toEqual([]);
    await expect(log.append(hansa, [put('a')], by)).resolves.toMatchObject({ epoch: 1 });
  });
});

describe('the digest', () => {
  const write = fc.record({ key: fc.integer({ min: 0, max: 12 }), drop: fc.boolean() });

  test('kept while appending is the one that a restart computes from the store', async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.array(fc.array(write, { maxLength: 4 }), { maxLength: 8 }),
        async (all) => {
          const own = createMemoryStore({ clock });
          const log = await open({ store: own });
          await log.create({ kind: 'git', name: 'hansa' });
          for (const writes of all) {
            const ops = new Map(
              writes.map((each) => {
                const key = `key-${each.key}`;
                return [key, each.drop ? drop(key) : put(key)];
              }),
            );
            await log.append(hansa, [...ops.values()], by);
          }
          // A fresh log has no trie in memory; its first append would find any difference.
          const restarted = await open({ store: own });
          await restarted.append(hansa, [], by);
          let trie = emptyTrie(crypto);
          for await (const entry of restarted.entries(hansa)) {
            const { key, version } = entry;
            trie = trie.set({ key, version, valueHash: history.valueHash(entry) });
          }
          const position = await restarted.position(hansa);
          expect(toHex(position?.digest ?? new Uint8Array())).toBe(toHex(trie.root));
        },
      ),
      { numRuns: 200 },
    );
  });

  test.each<
    [
      string,
      (tables: ReturnType<typeof resourceTables>) => Parameters<KeyValueStore['batchWrite']>[0],
    ]
  >([
    [
      'changed',
      (tables) => [
        tables.entries.put([hansa, 1, utf8('a')], { value: utf8('evil'), version: 1, blobs: [] }),
      ],
    ],
    ['lost', (tables) => [tables.entries.delete([hansa, 1, utf8('a')])]],
    [
      'added',
      (tables) => [
        tables.entries.put([hansa, 1, utf8('z')], { value: utf8('z'), version: 1, blobs: [] }),
      ],
    ],
  ])('finds an entry that was %s behind its back: STORE_DAMAGED', async (_, damage) => {
    const log = await openWith('hansa');
    await log.append(hansa, [put('a'), put('b')], by);
    await store.batchWrite(damage(resourceTables(store, codec)));
    const restarted = await open();
    const appended = restarted.append(hansa, [put('c')], by);
    await expect(appended).rejects.toMatchObject({ code: 'STORE_DAMAGED' });
  });
});

describe('checkpoints', () => {
  test('stand at least every 1,000 changes, at positions that the log really had', async () => {
    const log = await openWith('hansa');
    const positions = new Map<number, unknown>();
    for (let i = 0; i < 2 * batchChangesMax + 10; i += 1) {
      const position = await log.append(hansa, [put('a', String(i))], by);
      positions.set(position.sequence, position);
    }
    const ends = await collect(log.checkpoints(hansa, { epoch: 1, sequence: 0 }));
    expect(ends).toHaveLength(2);
    ends.forEach((end) => expect(end).toEqual(positions.get(end.sequence)));
    const sequences = [...positions.keys()];
    const gaps = [0, ...ends.map(({ sequence }) => sequences.indexOf(sequence) + 1)];
    expect(gaps).toEqual([0, batchChangesMax, 2 * batchChangesMax]);
    const later = await collect(log.checkpoints(hansa, ends[0] ?? { epoch: 1, sequence: 0 }));
    expect(later).toEqual(ends.slice(1));
  });

  test('stand before a batch would pass 4 MiB', async () => {
    const log = await openWith('hansa');
    const large = new Uint8Array(300 * 1_024);
    for (let i = 0; i < 30; i += 1) {
      await log.append(hansa, [put('a', large)], by);
    }
    const ends = await collect(log.checkpoints(hansa, { epoch: 1, sequence: 0 }));
    expect(ends).toHaveLength(2);
    const changes = await collect(log.changes(hansa, { epoch: 1, sequence: 0 }));
    let from = 0;
    for (const { sequence } of ends) {
      const batch = changes.filter((each) => each.sequence > from && each.sequence <= sequence);
      expect(batch.length * large.length).toBeLessThanOrEqual(4 * 1_024 * 1_024);
      from = sequence;
    }
  });
});

describe('signing', () => {
  test('many heads costs one signature, and each verifies alone', async () => {
    const names = Array.from({ length: 33 }, (_, index) => `r${index}`);
    const log = await openWith(...names);
    const heads = await sign(
      log,
      names.map((name) => localId('git', name)),
    );
    const key = fromHex(signer.cluster);
    heads.forEach((head) => expect(() => history.verifyHead(head, key)).not.toThrow());
    expect(new Set(heads.map(({ tick }) => toHex(tick.signature))).size).toBe(1);
    expect(new Set(heads.map(({ salt }) => toHex(salt))).size).toBe(heads.length);
    expect(heads[0]?.tick.asOfMs).toBe(clock.now());
  });

  test('in the next tick is another signature over fresh salts', async () => {
    const log = await openWith('hansa');
    const [first] = await sign(log, [hansa]);
    const [second] = await sign(log, [hansa]);
    expect(second?.digest).toEqual(first?.digest);
    expect(second?.salt).not.toEqual(first?.salt);
    expect(second?.tick.signature).not.toEqual(first?.tick.signature);
  });

  test('that is not possible fails everybody who waits for the tick', async () => {
    const { log, start } = createResourceLog({
      store,
      codec,
      crypto,
      clock,
      random: createSeededRandom(1),
      signer: { ...signer, sign: () => expect.fail('no key') },
    });
    await start(new AbortController().signal);
    await log.create({ kind: 'git', name: 'hansa' });
    const failures = Promise.allSettled([sign(log, [hansa, hansa])]);
    await expect(failures).resolves.toMatchObject([
      { status: 'rejected', reason: { message: 'no key' } },
    ]);
  });
});

describe('subscribers', () => {
  test('hear of every change of the log and of the list, by id', async () => {
    const log = await openWith('hansa');
    const heard: string[] = [];
    const leave = log.subscribe((id) => heard.push(id));
    await log.append(hansa, [put('a')], by);
    expect(heard).toContain(hansa);
    await log.create({ kind: 'git', name: 'other' });
    expect(heard).toContain('git/other');
    heard.length = 0;
    await log.remove(hansa);
    expect(heard).toContain(hansa);
    leave();
    heard.length = 0;
    await log.remove(localId('git', 'other'));
    expect(heard).toEqual([]);
  });

  test('find a later generation only where the list itself changed', async () => {
    const log = await openWith('hansa');
    const before = log.generation;
    await log.append(hansa, [put('a')], by);
    expect(log.generation).toBe(before);
    await log.create({ kind: 'git', name: 'other' });
    expect(log.generation).toBeGreaterThan(before);
  });
});
