import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { blobIdSchema, localId, reportOf, toHex, utf8 } from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { beforeEach, describe, expect, test } from 'vitest';
import { createHandClock } from '../../testkit/hand-clock.ts';
import {
  createResourceBench,
  drop,
  put,
  type ResourceBench,
} from '../../testkit/resource-bench.ts';
import { roads } from '../../testkit/roads.ts';
import { collect } from '../../testkit/test-cluster.ts';
import {
  changeBytesMax,
  changeOpsMax,
  resourcesContract,
  type ChangeOp,
  type Resources,
} from './contract.ts';
import { resourceTables } from './keys.ts';
import { resourcesSuite } from './resources.suite.ts';
import { createResources } from './service.ts';

const codec = createMsgpackCodec();
const hansa = localId('git', 'hansa');
const by = { author: 'ada' };

let bench: ResourceBench;

beforeEach(() => {
  bench = createResourceBench();
});

function blobNamed(digit: string) {
  const id = blobIdSchema.parse(digit.repeat(64));
  return { id, sizeBytes: 4, manifest: id };
}

roads<Resources>(resourcesContract, async () => {
  const log = await createResourceBench().open();
  const labels = { tier: 'gold' };
  await log.create({ kind: 'git', name: 'hansa', type: 'code', labels });
  await log.append(hansa, [put('refs')], by);
  await log.create({ kind: 'kv', name: 'limits' });
  return createResources(log);
}).forEach(resourcesSuite);

describe('a resource', () => {
  test('is made once', async () => {
    const log = await bench.openWith('hansa');
    const again = log.create({ kind: 'git', name: 'hansa' });
    await expect(again).rejects.toMatchObject({ code: 'RESOURCE_EXISTS' });
  });

  test('asked for twice at the same moment, on two nodes, is made once', async () => {
    const [one, two] = [await bench.open(), await bench.open()];
    const made = await Promise.allSettled(
      [one, two].map((log) => log.create({ kind: 'git', name: 'hansa' })),
    );
    expect(made.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(one.find(hansa)).toEqual(two.find(hansa));
  });

  test('that was removed is not there, in any way', async () => {
    const log = await bench.openWith('hansa');
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
    const log = await bench.openWith('hansa');
    const before = await log.append(hansa, [put('refs')], by);
    for (let epoch = 2; epoch < 4; epoch += 1) {
      await log.remove(hansa);
      const again = await log.create({ kind: 'git', name: 'hansa' });
      expect(again.epoch).toBe(epoch);
      const position = await log.position(hansa);
      expect(position?.epoch).toBe(epoch);
      expect(toHex(position?.digest ?? utf8('none'))).toBe('00'.repeat(32));
      expect(position?.chain).not.toEqual(before.chain);
      await expect(collect(log.entries(hansa))).resolves.toEqual([]);
      await expect(collect(log.changes(hansa, before))).resolves.toEqual([]);
      await log.append(hansa, [put('refs')], by);
    }
  });

  test('removed twice at the same moment, on two nodes, is removed once', async () => {
    const [one, two] = [await bench.openWith('hansa'), await bench.open()];
    const done = await Promise.allSettled([one.remove(hansa), two.remove(hansa)]);
    expect(done.map(({ status }) => status).toSorted()).toEqual(['fulfilled', 'rejected']);
    expect(done.find((each) => each.status === 'rejected')).toMatchObject({
      reason: { code: 'RESOURCE_NOT_FOUND' },
    });
  });

  test('with more history than a store deletes at once can still be removed', async () => {
    const log = await bench.openWith('hansa');
    const large = new Uint8Array(380 * 1_024);
    for (let i = 0; i < 180; i += 1) {
      await log.append(hansa, [put('refs', large)], by);
    }
    await log.remove(hansa);
    expect(log.find(hansa)).toBeUndefined();
    const left = await bench.store.scan({
      prefix: resourceTables(bench.store, codec).changes.prefix(hansa),
    });
    expect(left.entries).toEqual([]);
  });
});

describe('an appended change', () => {
  test('moves position, chain and digest, and is read back with its sequence', async () => {
    const log = await bench.openWith('hansa');
    const before = await log.position(hansa);
    const after = await log.append(hansa, [put('refs', 'one'), put('b')], by);
    expect(await log.position(hansa)).toMatchObject(after);
    expect(log.point(hansa)).toEqual(after);
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
      made: after.sequence,
      written: after.sequence,
    });
    await expect(collect(log.changes(hansa, after))).resolves.toEqual([]);
  });

  test('that expected another position is a CONFLICT and leaves nothing', async () => {
    const log = await bench.openWith('hansa');
    const first = await log.append(hansa, [put('a')], by);
    await log.append(hansa, [put('b')], { ...by, expect: first.sequence });
    const late = log.append(hansa, [put('c')], { ...by, expect: first.sequence });
    await expect(late).rejects.toMatchObject({ code: 'CONFLICT' });
    await expect(log.entry(hansa, utf8('c'))).resolves.toBeUndefined();
  });

  test('is one of many at the same time, on two nodes, and none is lost', async () => {
    const [one, two] = [await bench.openWith('hansa'), await bench.open()];
    const names = Array.from({ length: 40 }, (_, index) => `key-${index}`);
    await Promise.all(
      names.map((name, index) => (index % 2 === 0 ? one : two).append(hansa, [put(name)], by)),
    );
    const entries = await collect(one.entries(hansa));
    expect(entries.map(({ version }) => version)).toEqual(names.map(() => 1));
    const changes = await collect(two.changes(hansa, { epoch: 1, sequence: 0 }));
    // What came together became one change: far fewer commits than callers.
    expect(changes.length).toBeLessThan(names.length / 2);
    expect(changes.flatMap(({ change }) => change.ops)).toHaveLength(names.length);
    changes.slice(1).forEach(({ change }, index) => {
      expect(change.previous).toBe(changes[index]?.sequence);
    });
  });

  test('is one of its own where author, key or expectation differ, in the order asked', async () => {
    const log = await bench.openWith('hansa');
    const first = log.point(hansa)?.sequence;
    const asked = [
      log.append(hansa, [put('a', '1')], by),
      log.append(hansa, [put('b', '1')], by),
      log.append(hansa, [put('a', '2')], by),
      log.append(hansa, [put('c', '1')], { author: 'eve' }),
      log.append(hansa, [put('d', '1')], { ...by, expect: first }),
      log.append(hansa, [put('e', '1'), put('e', '2')], by),
      log.append(hansa, [put('f', '1')], by),
    ];
    const outcomes = await Promise.allSettled(asked);
    expect(outcomes.map(({ status }) => status)).toEqual([
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'fulfilled',
      'rejected',
      'rejected',
      'fulfilled',
    ]);
    const changes = await collect(log.changes(hansa, { epoch: 1, sequence: 0 }));
    const keys = changes.map(({ change }) =>
      change.ops.map((op) => String.fromCharCode(...('put' in op ? op.put.key : []))).join(''),
    );
    expect(keys).toEqual(['ab', 'a', 'c', 'f']);
    expect(changes.map(({ change }) => change.author)).toEqual(['ada', 'ada', 'eve', 'ada']);
  });

  test('counts the versions of an entry from 1, and from 1 again after its removal', async () => {
    const log = await bench.openWith('hansa');
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
      const log = await bench.open({ store: own, seed });
      await log.create({ kind: 'git', name: 'hansa' });
      await log.append(hansa, [put('a'), put('b')], by);
      positions.push(await log.append(hansa, [drop('a'), put('c')], by));
      bench.clock.advance(-20); // the hybrid clock of the second must not see the first one's time
      bench.clock.advance(20);
    }
    expect(positions[1]).toEqual(positions[0]);
  });

  test('names its blobs, so that a peer who may pull the resource may read them', async () => {
    const log = await bench.openWith('hansa', 'other');
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
    const log = await bench.openWith('hansa');
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
    const log = await bench.openWith('hansa');
    const append = (bytes: number) => log.append(hansa, [put('a', new Uint8Array(bytes))], by);
    const tables = resourceTables(bench.store, codec);
    const sizes = async (): Promise<number[]> => {
      const { entries } = await bench.store.scan({ prefix: tables.changes.prefix(hansa, 1) });
      return entries.map(({ value }) => value.length);
    };
    const large = 100 * 1_024; // its length takes as many bytes as the largest one's
    await append(large);
    const [first = 0] = await sizes();
    const frame = first - large;
    const before = await log.position(hansa);
    await expect(append(changeBytesMax - frame + 1)).rejects.toMatchObject({
      code: 'CHANGE_TOO_LARGE',
      fix: /blobs/,
    });
    await expect(log.position(hansa)).resolves.toEqual(before);
    await append(changeBytesMax - frame);
    expect(await sizes()).toEqual([first, changeBytesMax]);
  });

  test('that writes a key twice is refused whole', async () => {
    const log = await bench.openWith('hansa');
    const twice = log.append(hansa, [put('a'), put('a', 'again')], by);
    await expect(twice).rejects.toMatchObject({ code: 'INPUT_INVALID' });
    await expect(collect(log.entries(hansa))).resolves.toEqual([]);
    await expect(log.append(hansa, [put('a')], by)).resolves.toMatchObject({ epoch: 1 });
  });
});
