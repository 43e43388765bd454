import { createNodeCrypto } from '@hansa/crypto-node';
import {
  fromUtf8,
  packTuple,
  scopeStore,
  toHex,
  utf8,
  type KeyValueStore,
} from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { beforeEach, describe, expect, test } from 'vitest';
import { createHandClock } from '../testkit/hand-clock.ts';
import { refusal, valueOf } from '../testkit/store-fixture.ts';
import { settledStore } from './store-base.ts';
import {
  abandonCopy,
  entriesAt,
  fillStore,
  requireFillable,
  type CopyOrder,
} from './store-copying.ts';

const crypto = createNodeCrypto();
const clock = createHandClock();
let source: KeyValueStore;
let target: KeyValueStore;

beforeEach(async () => {
  source = createMemoryStore({ clock });
  target = createMemoryStore({ clock });
  for (let index = 0; index < 500; index += 1) {
    await source.set(packTuple(['some', index]), utf8(`value ${index}`));
  }
});

function order(more: Partial<CopyOrder> = {}): CopyOrder {
  return {
    target,
    crypto,
    id: 'one',
    base: 10_000,
    entries: () => entriesAt(source),
    leaseSeconds: async () => undefined,
    signal: new AbortController().signal,
    ...more,
  };
}

async function all(store: KeyValueStore): Promise<string[]> {
  const found: string[] = [];
  for await (const entry of entriesAt(store)) {
    found.push(`${toHex(entry.key)} ${fromUtf8(entry.value)}`);
  }
  return found;
}

describe('a copy of a store', () => {
  test('holds the same keys and values, and its revisions go on above the base', async () => {
    const copied = await fillStore(order());
    expect(copied.entries).toBe(500);
    const settled = await settledStore(target);
    expect(await all(settled)).toEqual(await all(source));
    expect((await settled.set(utf8('x'), utf8('1'))).revision).toBeGreaterThan(10_000);
  });

  test('that was broken off is no store to start on, and goes on where it was', async () => {
    let read = 0;
    async function* failing(): ReturnType<CopyOrder['entries']> {
      for await (const entry of entriesAt(source)) {
        read += 1;
        if (read > 300) {
          throw new Error('broken off');
        }
        yield entry;
      }
    }
    await expect(fillStore(order({ entries: failing }))).rejects.toThrow('broken off');
    await refusal(settledStore(target), 'STORE_UNFINISHED');
    const before = (await target.status()).revision;
    expect((await fillStore(order())).entries).toBe(500);
    expect((await target.status()).revision - before).toBeLessThan(10); // not from the beginning
    expect(await all(await settledStore(target))).toEqual(await all(source));
  });

  test('that was whole, and is asked for again, is the same; once it is in use it is refused', async () => {
    const copied = await fillStore(order());
    expect(await fillStore(order())).toEqual(copied);
    await target.set(utf8('x'), utf8('1'));
    await refusal(fillStore(order()), 'STORE_NOT_EMPTY');
  });

  test('is refused where something else is, or another copy has begun', async () => {
    await fillStore(order());
    await refusal(fillStore(order({ id: 'another' })), 'STORE_NOT_EMPTY');
    const taken = createMemoryStore({ clock });
    await taken.set(utf8('x'), utf8('1'));
    await refusal(fillStore(order({ target: taken })), 'STORE_NOT_EMPTY');
    expect(await valueOf(taken, 'x')).toBe('x=1');
  });

  test('is given up where it is not whole, and leaves nothing', async () => {
    const broken = order({
      async *entries() {
        yield { key: utf8('a'), value: utf8('1') };
        throw new Error('broken off');
      },
    });
    await expect(fillStore(broken)).rejects.toThrow('broken off');
    await abandonCopy(target);
    expect(await all(target)).toEqual([]);
    expect((await fillStore(order({ id: 'another' }))).entries).toBe(500);
    await refusal(abandonCopy(target), 'STORE_NOT_EMPTY');
  });

  test('whose values changed on the way is not taken for whole', async () => {
    const { batchWrite } = scopeStore(target, 'scope');
    const liar: KeyValueStore = Object.assign(scopeStore(target, 'scope'), {
      batchWrite: (ops: Parameters<KeyValueStore['batchWrite']>[0]) =>
        batchWrite(
          ops.map((op) =>
            'put' in op && op.put.value.length === 9
              ? { put: { ...op.put, value: utf8('?') } }
              : op,
          ),
        ),
    });
    await refusal(fillStore(order({ target: liar })), 'DIGEST_MISMATCH');
    await refusal(settledStore(liar), 'STORE_UNFINISHED');
  });

  test('gives leases anew for the time that is left, with their keys; what has ended is left out', async () => {
    const live = await source.leaseGrant(60);
    const dead = await source.leaseGrant(60);
    await source.set(utf8('~live'), utf8('1'), { lease: live.id });
    await source.set(utf8('~live-too'), utf8('1'), { lease: live.id });
    await source.set(utf8('~dead'), utf8('1'), { lease: dead.id });
    const leaseSeconds = async (id: string): Promise<number | undefined> =>
      id === live.id ? 40 : undefined;
    await fillStore(order({ leaseSeconds }));
    const { entry } = await target.get(utf8('~live'));
    expect(entry?.lease).toBeDefined();
    const { ttlSeconds, keys } = await target.leaseTimeToLive(entry?.lease ?? '');
    expect(ttlSeconds).toBe(40);
    expect(keys).toHaveLength(2);
    expect(await valueOf(target, '~dead')).toBe('absent');
  });

  test('of values of the largest size keeps within a transaction', async () => {
    const value = new Uint8Array(source.limits.valueBytesMax);
    await source.set(utf8('~1'), value);
    await source.set(utf8('~2'), value);
    expect((await fillStore(order())).entries).toBe(502);
  });
});

test('what may be filled is an empty store, and one that holds this very copy', async () => {
  await requireFillable(target, 'one');
  await fillStore(order());
  await requireFillable(target, 'one');
  await refusal(requireFillable(target, 'another'), 'STORE_NOT_EMPTY');
});
