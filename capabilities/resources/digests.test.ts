import { createNodeCrypto } from '@hansa/crypto-node';
import { emptyTrie, localId, packTuple, toHex, utf8, type KeyValueStore } from '@hansa/foundation';
import { expect, test } from 'vitest';
import { createResourceBench, put } from '../../testkit/resource-bench.ts';
import type { Position, ResourceLog } from './contract.ts';
import { createHistory } from './history.ts';

const crypto = createNodeCrypto();
const history = createHistory(crypto);
const hansa = localId('git', 'hansa');
const by = { author: 'ada' };

/** Does something else first whenever one record is read. */
function interrupted(
  store: KeyValueStore,
  record: Uint8Array,
  first: () => Promise<void>,
): KeyValueStore {
  const get: KeyValueStore['get'] = async (key, options) => {
    const found = await store.get(key, options);
    if (toHex(key) === toHex(record)) {
      await first();
    }
    return found;
  };
  return new Proxy(store, {
    get(target, name) {
      const value: unknown = name === 'get' ? get : Reflect.get(target, name);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** From the entries themselves, as they were at the position. */
async function digestOf(log: ResourceLog, position: Position | undefined): Promise<string> {
  let trie = emptyTrie(crypto);
  const there = await log.at(hansa, position?.sequence);
  for await (const entry of there?.entries({}) ?? []) {
    const { key, version } = entry;
    trie = trie.set({ key, version, valueHash: history.valueHash(entry) });
  }
  return toHex(trie.root);
}

// On a store far away, reading the pages takes as long as several changes: after a takeover, others
// write while the first head is asked for.
test('a head is of one position, whatever is appended while the pages are read', async () => {
  const bench = createResourceBench();
  const { log, rest } = await bench.started();
  await log.create({ kind: 'git', name: 'hansa' });
  await log.append(hansa, [put('a')], by);
  await log.position(hansa);
  await rest();
  let meanwhile = 0;
  const record = packTuple(['digest', hansa, 1]);
  const store = interrupted(bench.store, record, async () => {
    meanwhile += 1;
    if (meanwhile === 1) {
      await next.append(hansa, [put('b')], by);
      await next.append(hansa, [put('c')], by);
    }
  });
  const next = await bench.open({ store });
  const positions = [await next.position(hansa), await next.position(hansa)];
  expect(meanwhile).toBeGreaterThan(0);
  for (const position of positions) {
    expect(toHex(position?.digest ?? utf8('none'))).toBe(await digestOf(next, position));
  }
  expect(positions[1]?.sequence).toBe(next.point(hansa)?.sequence);
});

test('heads asked for while others append without a pause are each of one position', async () => {
  const bench = createResourceBench();
  const log = await bench.openWith('hansa');
  const positions: Promise<Position | undefined>[] = [];
  // As whoever follows does: with every change, before the one who appends is told of it.
  const stop = log.subscribe((id) => positions.push(log.position(id)));
  for (let i = 0; i < 300; i += 1) {
    await log.append(hansa, [put(`key-${i % 20}`, String(i))], by);
  }
  stop();
  expect(positions.length).toBeGreaterThan(20);
  for (const position of await Promise.all(positions)) {
    expect(toHex(position?.digest ?? utf8('none'))).toBe(await digestOf(log, position));
  }
});

/** What its watches would tell is held back until `open` is called. */
function late(store: KeyValueStore): { readonly store: KeyValueStore; open(): void } {
  let open = (): void => undefined;
  const opened = new Promise<void>((resolve) => (open = resolve));
  const watch: KeyValueStore['watch'] = async function* (target, options) {
    for await (const batch of store.watch(target, options)) {
      await opened;
      yield batch;
    }
  };
  return {
    open,
    store: new Proxy(store, {
      get(target, name) {
        const value: unknown = name === 'watch' ? watch : Reflect.get(target, name);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    }),
  };
}

test('whoever appends behind another node appends after it, whatever else was written', async () => {
  const bench = createResourceBench();
  const ahead = await bench.openWith('hansa');
  const lagging = late(bench.store);
  const behind = await bench.open({ store: lagging.store });
  await ahead.append(hansa, [put('a')], by);
  await bench.store.set(utf8('unrelated'), utf8('1'));
  const appended = behind.append(hansa, [put('b')], by);
  // The refusal tells a revision that no change of a resource will ever reach.
  await new Promise((resolve) => setTimeout(resolve, 20));
  lagging.open();
  await appended;
  const keys: string[] = [];
  for await (const { key } of ahead.entries(hansa)) {
    keys.push(new TextDecoder().decode(key));
  }
  expect(keys).toEqual(['a', 'b']);
});
