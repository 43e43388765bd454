import { createMemoryStore } from '@hansa/store-memory';
import { beforeEach, describe, expect, test } from 'vitest';
import { createHandClock } from '../../testkit/hand-clock.ts';
import {
  k,
  nextChange,
  put,
  refusal,
  showAll,
  showEvent,
  valueOf,
} from '../../testkit/store-fixture.ts';
import { concatBytes } from '../bytes.ts';
import { scopeStore } from './scoped-store.ts';
import type { KeyValueStore } from './store.ts';
import { packTuple } from '../tuple/tuple.ts';

// That a scope behaves as a store does is shown by the suite, which every driver runs on one; here
// is what it must not do to its neighbours.
describe('a scoped store', () => {
  let store: KeyValueStore;
  let links: KeyValueStore;
  let forge: KeyValueStore;
  beforeEach(() => {
    store = createMemoryStore({ clock: createHandClock() });
    links = scopeStore(store, 'links');
    forge = scopeStore(store, 'forge');
  });

  test('keeps its keys under the packed tuple of its name', async () => {
    await links.set(k('a'), k('1'));
    const inner = concatBytes([packTuple(['links']), k('a')]);
    expect((await store.get(inner)).entry?.value).toEqual(k('1'));
    const nested = scopeStore(scopeStore(store, 'x'), 'y');
    await nested.set(k('a'), k('2'));
    const deep = concatBytes([packTuple(['x', 'y']), k('a')]);
    expect((await store.get(deep)).entry?.value).toEqual(k('2'));
  });

  test('neither sees nor touches what is outside of it', async () => {
    await forge.set(k('a'), k('forge'));
    await links.set(k('a'), k('links'));
    expect(showAll((await links.scan({ prefix: k('') })).entries)).toEqual(['a=links']);
    const all = { start: k(''), end: Uint8Array.of(0xff, 0xff) };
    expect(showAll((await links.scan(all)).entries)).toEqual(['a=links']);
    await links.batchWrite([{ delete: { prefix: k('') } }]);
    expect(await valueOf(forge, 'a')).toBe('a=forge');
    expect(await valueOf(links, 'a')).toBe('absent');
  });

  test('watches its own keys only, and names them as it does', async () => {
    const { signal } = new AbortController();
    const watch = links.watch({ prefix: k('') }, { signal, prev: true })[Symbol.asyncIterator]();
    await forge.set(k('a'), k('forge'));
    await links.set(k('a'), k('1'));
    await links.set(k('a'), k('2'));
    expect((await nextChange(watch)).events.map(showEvent)).toEqual(['a=1']);
    expect((await nextChange(watch)).events.map(showEvent)).toEqual(['a=2 was 1']);
  });

  test('lists of a shared lease its own keys only', async () => {
    const { id } = await store.leaseGrant(60);
    await forge.set(k('f'), k('1'), { lease: id });
    await links.set(k('l'), k('1'), { lease: id });
    expect((await links.leaseTimeToLive(id)).keys).toEqual([k('l')]);
    expect((await store.leaseTimeToLive(id)).keys).toHaveLength(2);
  });

  test('has idempotency keys of its own', async () => {
    const once = { idempotencyKey: 'b:c' };
    const a = scopeStore(store, 'a');
    const ab = scopeStore(store, 'a:b');
    await a.transact({ if: [], then: [put('x', '1')] }, once);
    await ab.transact({ if: [], then: [put('x', '2')] }, { idempotencyKey: 'c' });
    await links.transact({ if: [], then: [put('x', '3')] }, once);
    expect(await valueOf(ab, 'x')).toBe('x=2');
    expect(await valueOf(links, 'x')).toBe('x=3');
  });

  test('does not close the store it is a part of', async () => {
    await links.close();
    await forge.set(k('a'), k('1'));
    expect(await valueOf(forge, 'a')).toBe('a=1');
  });

  test('takes no name that could be mistaken for a key of another', () => {
    expect(() => scopeStore(store, 'a\0b')).toThrow(/zero character/);
  });

  test('refuses an empty key, also inside a transaction', async () => {
    await refusal(links.batchWrite([put('', '1')]), 'INPUT_INVALID');
    await refusal(links.batchRead([k('')]), 'INPUT_INVALID');
  });
});
