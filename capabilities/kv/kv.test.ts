import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  federatedId,
  HansaError,
  localId,
  scopeStore,
  silentLog,
  utf8,
  type Hlc,
} from '@hansa/foundation';
import { describe, expect, test } from 'vitest';
import { noLanes } from '../../testkit/no-lanes.ts';
import { createResourceBench, type ResourceBench } from '../../testkit/resource-bench.ts';
import { roads } from '../../testkit/roads.ts';
import { createSeededRandom } from '../../testkit/seeded-random.ts';
import { clusterOf, collect } from '../../testkit/test-cluster.ts';
import type { ChangeOp, ResourceLog, SequencedChange } from '../resources/contract.ts';
import type { Mirrors } from '../sync/contract.ts';
import { encodeCell, nextCell } from './cell.ts';
import { kvCapability } from './capability.ts';
import { kvContract, kvKind, sweepIntervalMs, tombstoneMs, type Kv } from './contract.ts';
import { settingsKey } from './keys.ts';
import { kvSuite } from './kv.suite.ts';
import { createKv, type KvService } from './service.ts';

const codec = createMsgpackCodec();
const bergen = clusterOf(createNodeCrypto(), 7);
const id = localId(kvKind, 'config');
const mirrored = federatedId(bergen, id);
const config = { space: 'config' };
const mirror = { space: 'bergen:config' };

/** One mirror, `bergen:kv/config`; what it holds, a test says. */
interface TestMirrors extends Mirrors {
  applied: number | undefined;
  gone: boolean;
  tell(): void;
}

function createTestMirrors(): TestMirrors {
  const listeners = new Set<(resource: typeof mirrored) => void>();
  const found = () => ({
    resource: mirrored,
    owner: bergen,
    ownerName: 'bergen',
    kind: kvKind,
    name: 'config',
    ...(made.applied === undefined ? {} : { applied: { sequence: made.applied } }),
  });
  const made = {
    applied: undefined as number | undefined,
    gone: false,
    resolve(spelled: string) {
      if (spelled !== 'bergen:kv/config') {
        throw new HansaError('MIRROR_NOT_FOUND', 'no such mirror');
      }
      return mirrored;
    },
    find: () => (made.gone ? undefined : found()),
    view: async () => undefined,
    at: async () => undefined,
    all: () => [found()],
    subscribe(changed: (resource: typeof mirrored) => void) {
      listeners.add(changed);
      return () => listeners.delete(changed);
    },
    registerKind: () => undefined,
    tell: () => listeners.forEach((changed) => changed(mirrored)),
  };
  return made as unknown as TestMirrors;
}

interface Opened extends KvService {
  readonly bench: ResourceBench;
  readonly log: ResourceLog;
  readonly mirrors: TestMirrors;
}

async function open(
  bench = createResourceBench(),
  given: (log: ResourceLog) => Partial<ResourceLog> = () => ({}),
): Promise<Opened> {
  const opened = await bench.open();
  const log = { ...opened, ...given(opened) };
  const mirrors = createTestMirrors();
  const { clock, signer } = bench;
  const store = scopeStore(bench.store, 'kv');
  const random = createSeededRandom(7);
  const kept = { codec, clock, signer, store, random };
  const needs = { ...kept, resources: log, mirrors, lanes: noLanes, log: silentLog };
  return { bench, log, mirrors, ...createKv(needs) };
}

roads<Kv>(kvContract, async () => (await open()).kv).forEach(kvSuite);

const changesOf = (log: ResourceLog): Promise<SequencedChange[]> =>
  collect(log.changes(id, { epoch: 1, sequence: 0 }));

describe('writes to one space', () => {
  test('of many callers share few changes', async () => {
    const { kv, log } = await open();
    await kv.create({ name: 'config' });
    const at = Array.from({ length: 300 }, (_, index) => `key-${index}`);
    await Promise.all(at.map((key) => kv.put({ ...config, key, text: key })));
    expect((await changesOf(log)).length).toBeLessThan(10);
    expect((await kv.list({ ...config, limit: 1_000 })).entries).toHaveLength(300);
  });

  test('on two nodes lose nothing, and keep their conditions', async () => {
    const bench = createResourceBench();
    const [one, two] = [await open(bench), await open(bench)];
    await one.kv.create({ name: 'config' });
    const made: number[] = [];
    for (let round = 0; round < 20; round += 1) {
      const both = [one, two].flatMap(({ kv }) => [
        kv.put({ ...config, key: `made-${round}`, text: '', ifAbsent: true }),
        kv.put({ ...config, key: 'n', text: `${round}` }),
      ]);
      const done = await Promise.allSettled(both);
      made.push(done.filter(({ status }) => status === 'rejected').length);
    }
    expect(made).toEqual(made.map(() => 1));
    await expect(one.kv.get({ ...config, key: 'n' })).resolves.toMatchObject({ version: 40 });
  });

  test('fail together where the disk fails, and the next ones go on', async () => {
    let broken = true;
    const { kv } = await open(createResourceBench(), (log) => ({
      append: (...given) => {
        const [, ops] = given;
        const fails = broken && ops.some((op) => 'put' in op && op.put.key.length === 1);
        return fails
          ? Promise.reject(new HansaError('STORE_UNAVAILABLE', 'the disk is away'))
          : log.append(...given);
      },
    }));
    await kv.create({ name: 'config' });
    const all = ['a', 'b'].map((key) => kv.put({ ...config, key, text: '' }));
    const done = await Promise.allSettled(all);
    expect(done.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
    broken = false;
    await expect(kv.put({ ...config, key: 'a', text: '' })).resolves.toMatchObject({ version: 1 });
  });

  test('that together are too large for one change are made one by one', async () => {
    const { kv, log } = await open();
    await kv.create({ name: 'config' });
    const text = 'x'.repeat(100_000);
    const keys = ['a', 'b', 'c', 'd', 'e'];
    const all = await Promise.all(keys.map((key) => kv.put({ ...config, key, text })));
    expect(all.map(({ version }) => version)).toEqual([1, 1, 1, 1, 1]);
    expect((await changesOf(log)).length).toBeLessThan(6);
  });

  test('of what a rule could not bring together are refused', async () => {
    const { kv } = await open();
    const invalid = { code: 'INPUT_INVALID' };
    await kv.create({ name: 'high', rule: 'max', shared: true });
    await kv.create({ name: 'trees', rule: 'merge', shared: true });
    const put = (space: string, text: string) => kv.put({ space, key: 'a', text });
    await expect(put('high', 'many')).rejects.toMatchObject(invalid);
    await expect(put('trees', '{')).rejects.toMatchObject(invalid);
    await expect(put('high', '1.5')).resolves.toMatchObject({ version: 1 });
    await expect(put('trees', '{}')).resolves.toMatchObject({ version: 1 });
  });
});

describe('what was deleted', () => {
  test('in a space of one writer is gone at once', async () => {
    const { kv, log } = await open();
    await kv.create({ name: 'config' });
    await kv.put({ ...config, key: 'a', text: '' });
    await kv.delete({ ...config, key: 'a' });
    expect((await changesOf(log)).at(-1)?.change.ops).toEqual([{ delete: { key: utf8('a') } }]);
    await expect(log.entry(id, utf8('a'))).resolves.toBeUndefined();
  });

  test('in a shared space is remembered for its time, and then forgotten by the duty', async () => {
    const { kv, log, bench, keepSweeping } = await open();
    await kv.create({ name: 'config', shared: true });
    await kv.put({ ...config, key: 'a', text: '' });
    await kv.put({ ...config, key: 'b', text: '' });
    await kv.delete({ ...config, key: 'a' });
    await expect(kv.get({ ...config, key: 'a' })).rejects.toMatchObject({
      code: 'ENTRY_NOT_FOUND',
    });
    await expect(kv.list(config)).resolves.toMatchObject({ entries: [{ key: 'b' }] });
    await expect(kv.delete({ ...config, key: 'a' })).resolves.toMatchObject({ deleted: false });
    const stop = new AbortController();
    const sweeping = keepSweeping(stop.signal).catch(() => undefined);
    const sweep = async (ms: number): Promise<void> => {
      await expect.poll(() => bench.clock.sleepers).toBeGreaterThan(0);
      bench.clock.advance(ms);
      await expect.poll(() => bench.clock.sleepers).toBeGreaterThan(0);
    };
    await sweep(sweepIntervalMs);
    expect(await log.entry(id, utf8('a'))).toBeDefined();
    await sweep(tombstoneMs);
    expect(await log.entry(id, utf8('a'))).toBeUndefined();
    expect(await log.entry(id, utf8('b'))).toBeDefined();
    stop.abort();
    await sweeping;
  });

  test('in a shared space comes back with the vector of what was there', async () => {
    const { kv, log } = await open();
    await kv.create({ name: 'config', shared: true });
    await kv.put({ ...config, key: 'a', text: 'x' });
    await kv.delete({ ...config, key: 'a' });
    const absent = { ...config, key: 'a', text: 'y', ifAbsent: true };
    await expect(kv.put(absent)).resolves.toMatchObject({ version: 3 });
    expect((await log.entry(id, utf8('a')))?.version).toBe(3);
  });
});

const hlc: Hlc = [1_000, 0];

function change(sequence: number, ops: readonly ChangeOp[], previous = sequence - 1) {
  return { sequence, change: { epoch: 1, previous, ops, hlc, author: 'bergen' } };
}

function cellOp(key: string, text: string | undefined, now = hlc): ChangeOp {
  const value = text === undefined ? text : utf8(text);
  const cell = nextCell(undefined, { value, by: bergen, now });
  return { put: { key: utf8(key), value: encodeCell(codec, cell, bergen), blobs: [] } };
}

describe('a mirror', () => {
  const view = {
    resource: mirrored,
    epoch: 1,
    entry: async () => undefined,
    async *entries() {
      // Nothing has arrived.
    },
  };
  const never = new AbortController().signal;
  const arrive = async ({ kind, mirrors }: Opened, changes: readonly SequencedChange[]) => {
    const staged = await kind.stage(view, changes, never);
    mirrors.applied = changes.at(-1)?.sequence;
    await staged.commit();
    mirrors.tell();
  };

  test.each<[string, ChangeOp]>([
    ['a key with a control character', cellOp('a\u0001', 'x')],
    ['a key that is no text', { put: { key: Uint8Array.of(0xff), value: utf8(''), blobs: [] } }],
    ['a deleted setting', { delete: { key: settingsKey } }],
    ['settings of another shape', { put: { key: settingsKey, value: codec.encode(1), blobs: [] } }],
    ['a value that is no cell', { put: { key: utf8('a'), value: utf8('x'), blobs: [] } }],
    ['a cell from the future', cellOp('a', 'x', [hlc[0] + 60_001, 0])],
  ])('refuses %s, though its owner signed it', async (_, op) => {
    const { kind } = await open();
    const staged = kind.stage(view, [change(2, [cellOp('b', 'x'), op])], never);
    await expect(staged).rejects.toMatchObject({ code: 'CHANGE_INVALID' });
  });

  test.each<[boolean, string]>([
    [
      true,
      'a transaction on config is for bergen, its owner: here, keys are written one at a time',
    ],
    [false, 'bergen owns config: this is its mirror'],
  ])('takes no transaction; shared (%s), it says who does', async (shared, message) => {
    const { kv, mirrors } = await open();
    const value = codec.encode({ rule: 'merge', shared });
    mirrors.view = async () => ({
      ...view,
      entry: async (key) => ({ key, value, version: 1, blobs: [] }),
    });
    const then = [{ put: { key: 'a', text: 'x' } }];
    await expect(kv.transact({ ...mirror, if: [], then })).rejects.toMatchObject({
      code: 'RESOURCE_READ_ONLY',
      message,
    });
  });

  test('tells a watcher each change once, after it was applied and not before', async () => {
    const opened = await open();
    const items = opened.kv.watch(mirror)[Symbol.asyncIterator]();
    const next = items.next();
    const settings = codec.encode({ rule: 'merge', shared: true });
    await arrive(opened, [
      change(5, [{ put: { key: settingsKey, value: settings, blobs: [] } }]),
      change(8, [cellOp('a', '1'), cellOp('b', undefined)], 5),
    ]);
    await expect(next).resolves.toMatchObject({
      value: {
        revision: 8,
        events: [
          { key: 'a', text: '1' },
          { type: 'delete', key: 'b' },
        ],
      },
    });
    const later = items.next();
    const staged = await opened.kind.stage(view, [change(9, [cellOp('c', '2')])], never);
    await staged.discard();
    await arrive(opened, [change(9, [{ delete: { key: utf8('a') } }])]);
    await expect(later).resolves.toEqual({
      done: false,
      value: { revision: 9, events: [{ type: 'delete', key: 'a' }] },
    });
    await items.return?.();
  });

  test('goes on for a watcher that comes back, or says that it cannot', async () => {
    const opened = await open();
    opened.mirrors.applied = 7;
    await opened.kind.settle(view, never);
    await arrive(opened, [change(8, [cellOp('a', '1')]), change(9, [cellOp('b', '2')])]);
    const from = (revision: number) =>
      opened.kv.watch({ ...mirror, from: revision })[Symbol.asyncIterator]();
    await expect(from(7).next()).resolves.toMatchObject({ value: { revision: 8 } });
    await expect(from(8).next()).resolves.toMatchObject({ value: { revision: 9 } });
    await expect(from(6).next()).rejects.toMatchObject({ code: 'REVISION_GONE' });
    await arrive(opened, [change(30, [cellOp('c', '3')], 20)]);
    await expect(from(9).next()).rejects.toMatchObject({ code: 'REVISION_GONE' });
  });

  test('that was copied anew tells those who watched that it cannot go on, and goes on for others', async () => {
    const opened = await open();
    await arrive(opened, [change(8, [cellOp('a', '1')])]);
    const behind = opened.kv
      .watch({ ...mirror, from: 8 })
      [Symbol.asyncIterator]()
      .next();
    const ended = behind.catch((error: unknown) => error);
    // As sync stages what differs between the owner's entries and ours.
    await arrive(opened, [change(20, [cellOp('a', '2')], 20), change(20, [cellOp('b', '2')], 20)]);
    expect(await ended).toMatchObject({ code: 'REVISION_GONE' });
    const next = opened.kv
      .watch({ ...mirror, from: 20 })
      [Symbol.asyncIterator]()
      .next();
    await arrive(opened, [change(21, [cellOp('c', '3')])]);
    await expect(next).resolves.toMatchObject({ value: { revision: 21, events: [{ key: 'c' }] } });
  });

  test('that is removed ends its watches', async () => {
    const opened = await open();
    await arrive(opened, [change(8, [cellOp('a', '1')])]);
    const next = opened.kv.watch(mirror)[Symbol.asyncIterator]().next();
    const ended = next.catch((error: unknown) => error);
    opened.mirrors.gone = true;
    await opened.kind.purge({ resource: mirrored, epoch: 1 });
    expect(await ended).toMatchObject({ code: 'MIRROR_NOT_FOUND' });
  });
});

test('the node is handed one contract, the kind and the duties that forget and end', async () => {
  const { bench, log, mirrors } = await open();
  const kinds: string[] = [];
  const made = kvCapability({
    codec,
    clock: bench.clock,
    signer: bench.signer,
    resources: log,
    mirrors: { ...mirrors, registerKind: ({ kind }) => void kinds.push(kind) },
    lanes: noLanes,
    log: silentLog,
    store: scopeStore(bench.store, 'kv'),
    random: createSeededRandom(7),
  });
  expect(made.serves.map(({ contract }) => contract.name)).toEqual(['kv']);
  expect(made.duties.map(({ name }) => name)).toEqual(['kv.sweep', 'kv.leases']);
  expect(kinds).toEqual(['kv']);
});
