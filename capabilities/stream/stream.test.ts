import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import { federatedId, HansaError, localId, utf8 } from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { describe, expect, test } from 'vitest';
import { createHandClock } from '../../testkit/hand-clock.ts';
import { createResourceBench, type ResourceBench } from '../../testkit/resource-bench.ts';
import { roads } from '../../testkit/roads.ts';
import { clusterOf, collect } from '../../testkit/test-cluster.ts';
import type { ChangeOp, ResourceLog, SequencedChange } from '../resources/contract.ts';
import type { FederatedKind, Mirrors } from '../sync/contract.ts';
import { checkChanges } from './checking.ts';
import { dedupWindowMs, streamContract, streamKind, type Streams } from './contract.ts';
import { emptyState, idKey, messageKey, readKey, settingsKey, stateKey } from './keys.ts';
import { createStreams } from './service.ts';
import { streamSuite } from './stream.suite.ts';

const codec = createMsgpackCodec();
const crypto = createNodeCrypto();
const bergen = clusterOf(crypto, 7);
const id = localId(streamKind, 'orders');
const orders = { stream: 'orders' };

interface Opened {
  readonly bench: ResourceBench;
  readonly log: ResourceLog;
  readonly streams: Streams;
  readonly kind: FederatedKind;
  trim(): Promise<void>;
}

async function open(
  bench = createResourceBench(),
  given: Partial<ResourceLog> = {},
): Promise<Opened> {
  const log = { ...(await bench.open()), ...given };
  const { clock, signer } = bench;
  const store = createMemoryStore({ clock: createHandClock() });
  const { streams, kind, keepTrimming } = createStreams({
    store,
    codec,
    clock,
    signer,
    resources: log,
    mirrors: mirrorOf(log),
  });
  return {
    bench,
    log,
    streams,
    kind,
    async trim() {
      const stop = new AbortController();
      const running = keepTrimming(stop.signal).catch(() => undefined);
      await expect.poll(() => clock.sleepers).toBeGreaterThan(0);
      clock.advance(10_000);
      await expect.poll(() => clock.sleepers).toBeGreaterThan(0);
      stop.abort();
      await running;
    },
  };
}

/** A mirror `bergen:stream/orders` that shows what is stored under the own stream of that name. */
function mirrorOf(log: ResourceLog): Mirrors {
  const resource = federatedId(bergen, id);
  return {
    resolve(spelled) {
      if (spelled !== 'bergen:stream/orders') {
        throw new HansaError('MIRROR_NOT_FOUND', 'no such mirror');
      }
      return resource;
    },
    find: () => undefined,
    view: async () => ({
      resource,
      epoch: 1,
      entry: (key) => log.entry(id, key),
      entries: () => log.entries(id),
    }),
    all: () => [],
    subscribe: () => () => undefined,
    registerKind: () => undefined,
  } as Partial<Mirrors> as Mirrors;
}

roads<Streams>(streamContract, async () => (await open()).streams).forEach(streamSuite);

const changesOf = (log: ResourceLog): Promise<SequencedChange[]> =>
  collect(log.changes(id, { epoch: 1, sequence: 0 }));

describe('a stream in its log', () => {
  test('many callers share few changes, and every change passes the check of a mirror', async () => {
    const { streams, log } = await open();
    await streams.create({ name: 'orders', limits: { maxMessages: 50 } });
    const each = Array.from({ length: 300 }, (_, at) => ({ payload: `${at}`, id: `id-${at}` }));
    await Promise.all(each.map((message) => streams.append({ ...orders, messages: [message] })));
    const changes = await changesOf(log);
    expect(changes.length).toBeLessThan(30);
    expect(checkChanges(codec, emptyState, changes)).toMatchObject({ first: 251, last: 300 });
  });

  test('a new process remembers ids within their window, also of messages that are gone', async () => {
    const bench = createResourceBench();
    const before = await open(bench);
    await before.streams.create({ name: 'orders', limits: { maxMessages: 1 } });
    const messages = [{ payload: 'pay', id: 'once' }];
    await before.streams.append({ ...orders, messages });
    await before.streams.append({ ...orders, messages: [{ payload: 'next' }] });
    const after = await open(bench);
    const again = { sequences: [1], duplicates: 1 };
    await expect(after.streams.append({ ...orders, messages })).resolves.toEqual(again);
    bench.clock.advance(dedupWindowMs);
    const anew = { sequences: [3], duplicates: 0 };
    await expect(after.streams.append({ ...orders, messages })).resolves.toEqual(anew);
    bench.clock.advance(dedupWindowMs);
    await after.streams.append({ ...orders, messages: [{ payload: 'last' }] });
    await expect(after.log.entry(id, idKey('once'))).resolves.toBeUndefined();
  });

  test('two nodes that append at the same time leave no hole and lose nothing', async () => {
    const bench = createResourceBench();
    const [one, two] = [await open(bench), await open(bench)];
    await one.streams.create({ name: 'orders' });
    await two.streams.show(orders).catch(() => undefined);
    const given: number[] = [];
    for (let round = 0; round < 20; round += 1) {
      const both = [one, two].map(({ streams }) =>
        streams.append({ ...orders, messages: [{ payload: `${round}` }] }),
      );
      given.push(...(await Promise.all(both)).flatMap(({ sequences }) => sequences));
    }
    expect(given.toSorted((a, b) => a - b)).toEqual(Array.from({ length: 40 }, (_, at) => at + 1));
    expect(checkChanges(codec, emptyState, await changesOf(one.log))).toMatchObject({ last: 40 });
  });

  test('what is too old is deleted by the duty, without an append', async () => {
    const { streams, bench, trim } = await open();
    await streams.create({ name: 'orders', limits: { maxAgeMs: 60_000 } });
    await streams.append({ ...orders, messages: [{ payload: 'old' }] });
    bench.clock.advance(55_000);
    await streams.append({ ...orders, messages: [{ payload: 'young' }] });
    await trim();
    await expect.poll(() => streams.show(orders)).toMatchObject({ first: 2, last: 2 });
  });

  test('an append that the disk refuses is told, and the next is numbered as if it never was', async () => {
    const bench = createResourceBench();
    const { streams: before, log } = await open(bench);
    await before.create({ name: 'orders' });
    let refusing = true;
    const { streams } = await open(bench, {
      append: (...given) =>
        refusing ? Promise.reject(new HansaError('DISK_FULL', 'no space')) : log.append(...given),
    });
    const messages = [{ payload: 'x' }];
    const refused = streams.append({ ...orders, messages });
    await expect(refused).rejects.toMatchObject({ code: 'DISK_FULL' });
    refusing = false;
    await expect(streams.append({ ...orders, messages })).resolves.toMatchObject({
      sequences: [1],
    });
  });

  test('a stream that comes back under its name begins at 1, and its consumers with it', async () => {
    const { streams } = await open();
    await streams.create({ name: 'orders' });
    await streams.append({ ...orders, messages: [{ payload: 'a' }, { payload: 'b' }] });
    await streams.ack({ ...orders, consumer: 'billing', sequence: 2 });
    await streams.delete(orders);
    await streams.create({ name: 'orders' });
    await streams.append({ ...orders, messages: [{ payload: 'c' }] });
    const page = await streams.read({ ...orders, consumer: 'billing' });
    expect(page).toMatchObject({ epoch: 2, messages: [{ sequence: 1, payload: 'c' }] });
  });

  test('a mirror is read and acknowledged like an own stream, and never written', async () => {
    const { streams } = await open();
    await streams.create({ name: 'orders' });
    await streams.append({ ...orders, messages: [{ payload: 'a' }] });
    const mirror = { stream: 'bergen:orders' };
    await expect(streams.read(mirror)).resolves.toMatchObject({ messages: [{ payload: 'a' }] });
    await streams.ack({ ...mirror, consumer: 'billing', sequence: 1 });
    await expect(streams.show(mirror)).resolves.toMatchObject({ consumers: [{ acked: 1 }] });
    await expect(streams.show(orders)).resolves.toMatchObject({ consumers: [] });
    for (const refused of [
      streams.append({ ...mirror, messages: [{ payload: 'b' }] }),
      streams.trim({ ...mirror, before: 2 }),
      streams.delete(mirror),
    ]) {
      await expect(refused).rejects.toMatchObject({
        code: 'RESOURCE_READ_ONLY',
        message: expect.stringContaining('owns orders'),
        fix: expect.stringContaining('append at '),
      });
    }
  });
});

describe('a change of a stream', () => {
  const atMs = 5;
  const message = (sequence: number, more: object = {}): ChangeOp =>
    put(messageKey(sequence), { atMs, payload: utf8('x'), headers: {}, ...more });
  const state = (first: number, last: number, bytes = last - first + 1): ChangeOp =>
    put(stateKey, { first, last, bytes, lastMs: last === 0 ? 0 : atMs });
  const gone = (sequence: number): ChangeOp => ({ delete: { key: messageKey(sequence) } });
  const check = (...changes: (readonly ChangeOp[])[]): unknown =>
    checkChanges(
      codec,
      emptyState,
      changes.map((ops, at) => ({
        sequence: at + 2,
        change: { epoch: 1, previous: at + 1, ops, hlc: [1, 0], author: 'lubeck' },
      })),
    );

  test('appends the next messages and deletes the oldest', () => {
    expect(
      check([message(1), message(2), state(1, 2)], [gone(1), message(3), state(2, 3)]),
    ).toMatchObject({ first: 2, last: 3 });
  });

  const [fresh, full] = [[message(1), state(1, 1)], []];
  test.each<[string, (readonly ChangeOp[])[]]>([
    ['leaves a number out', [[message(2), state(1, 2)]]],
    ['says that there is more than it brings', [[message(1), state(1, 2)]]],
    ['brings more than it says', [[message(1), message(2), state(1, 1)]]],
    ['brings a message without a state', [[message(1)]]],
    ['writes a message again', [fresh, [message(1), state(1, 1)]]],
    [
      'deletes from the middle',
      [
        [message(1), message(2), state(1, 2)],
        [gone(2), state(1, 2, 1)],
      ],
    ],
    ['goes back', [fresh, [state(1, 0)]]],
    ['counts bytes that never came', [[message(1), state(1, 1, 1_000)]]],
    ['has two times', [[put(stateKey, { first: 1, last: 0, bytes: 0, lastMs: 7 })]]],
    ['is older than the one before', [fresh, [message(2, { atMs: 1 }), state(1, 2)]]],
    ['has a key of another shape', [[put(utf8('x'), 1)]]],
    ['has a record of another shape', [[put(settingsKey, { maxAgeMs: -1 })]]],
    ['deletes its state', [fresh, [{ delete: { key: stateKey } }]]],
    [
      'has a payload over the limit',
      [[message(1, { payload: new Uint8Array(262_145) }), state(1, 1)]],
    ],
    ['is no encoding', [[{ put: { key: stateKey, value: new Uint8Array([0xc1]), blobs: [] } }]]],
    ...full,
  ])('that %s is refused', (_, changes) => {
    expect(() => check(...changes)).toThrow(expect.objectContaining({ code: 'CHANGE_INVALID' }));
  });

  test('keys say what they are, in the order in which they are read', () => {
    const keys = [
      settingsKey,
      stateKey,
      idKey('a'),
      messageKey(1),
      messageKey(256),
      messageKey(2 ** 40),
    ];
    expect(keys.map(readKey)).toEqual([
      { is: 'settings' },
      { is: 'state' },
      { is: 'id', id: 'a' },
      { is: 'message', sequence: 1 },
      { is: 'message', sequence: 256 },
      { is: 'message', sequence: 2 ** 40 },
    ]);
    const sorted = keys.toSorted((a, b) => (a.join() < b.join() ? -1 : 1));
    expect(sorted).toHaveLength(keys.length);
    expect(
      [[], [0, 0], [3], [4], [2, 255], [3, 0, 0, 0, 0, 0, 0, 0, 0]].map((bytes) =>
        readKey(Uint8Array.from(bytes)),
      ),
    ).toEqual(Array.from({ length: 6 }, () => undefined));
  });
});

function put(key: Uint8Array, value: unknown): ChangeOp {
  return { put: { key, value: codec.encode(value), blobs: [] } };
}
