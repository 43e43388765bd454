// Transactions: compare, then one branch, whole or not at all.
import { idempotencyKeyBytesMax, storeLimits, type Compare, type Op } from '@hansa/foundation';
import { expect, test } from 'vitest';
import {
  k,
  movedTime,
  put,
  refusal,
  show,
  showAll,
  valueOf,
  type Current,
} from './store-fixture.ts';

const many = (count: number): string[] => Array.from({ length: count }, (_, i) => `k${i}`);

export function transactionsAreWhole(
  current: Current,
  { movesTime }: { readonly movesTime: boolean },
): void {
  const onMovedTime = movedTime(current, movesTime);
  test('all keys of a transaction share its revision', async () => {
    const { store } = current();
    const { revision } = await store.batchWrite([put('a', '1'), put('b', '2'), put('c', '3')]);
    const { entries } = await store.batchRead([k('a'), k('b'), k('c')]);
    expect(entries.map((entry) => entry?.modRevision)).toEqual([revision, revision, revision]);
  });

  test('then is done where every comparison holds, else where one does not', async () => {
    const { store } = current();
    await store.set(k('a'), k('1'));
    const same: Compare = { key: k('a'), target: 'value', op: '=', operand: k('1') };
    const absent: Compare = { key: k('b'), target: 'version', op: '=', operand: 0 };
    const present: Compare = { key: k('b'), target: 'version', op: '>', operand: 0 };
    const yes = await store.transact({ if: [same, absent], then: [put('b', 'then')] });
    expect(yes.succeeded).toBe(true);
    expect(await valueOf(store, 'b')).toBe('b=then');
    const no = await store.transact({
      if: [present, { ...same, op: '!=' }],
      then: [put('c', 'then')],
      else: [put('c', 'else')],
    });
    expect(no.succeeded).toBe(false);
    expect(await valueOf(store, 'c')).toBe('c=else');
  });

  test('every target and operator compares as its name says', async () => {
    const { store } = current();
    const { revision } = await store.set(k('a'), k('m'));
    const holds = async (compare: Compare): Promise<boolean> =>
      (await store.transact({ if: [compare], then: [] })).succeeded;
    const key = k('a');
    expect(await holds({ key, target: 'value', op: '<', operand: k('n') })).toBe(true);
    expect(await holds({ key, target: 'value', op: '>', operand: k('n') })).toBe(false);
    expect(await holds({ key, target: 'version', op: '<', operand: 2 })).toBe(true);
    expect(await holds({ key, target: 'createRevision', op: '=', operand: revision })).toBe(true);
    expect(await holds({ key, target: 'modRevision', op: '!=', operand: revision })).toBe(false);
    expect(await holds({ key, target: 'lease', op: '=', operand: '' })).toBe(true);
    const gone = k('none');
    expect(await holds({ key: gone, target: 'modRevision', op: '=', operand: 0 })).toBe(true);
    expect(await holds({ key: gone, target: 'createRevision', op: '<', operand: 1 })).toBe(true);
    expect(await holds({ key: gone, target: 'value', op: '!=', operand: k('n') })).toBe(false);
  });

  test('reads inside a transaction see what it wrote before them', async () => {
    const { store } = current();
    await store.set(k('a/2'), k('old'));
    const then: Op[] = [
      { get: { key: k('a/1') } },
      put('a/1', 'new'),
      { delete: { key: k('a/2') } },
      { get: { key: k('a/1') } },
      { scan: { prefix: k('a/') } },
    ];
    const { results } = await store.transact({ if: [], then });
    const [before, , deleted, after, scanned] = results;
    expect(before).toEqual({ get: { entry: null } });
    expect(deleted).toEqual({ delete: { deleted: 1 } });
    expect(after).toMatchObject({ get: { entry: { version: 1 } } });
    expect(scanned !== undefined && 'scan' in scanned && showAll(scanned.scan.entries)).toEqual([
      'a/1=new',
    ]);
  });

  test('a prefix is deleted whole, and nothing beside it', async () => {
    const { store } = current();
    await store.batchWrite(['a', 'a/', 'a/1', 'a/2', 'a0', 'b'].map((name) => put(name, '1')));
    const { results } = await store.transact({ if: [], then: [{ delete: { prefix: k('a/') } }] });
    expect(results).toEqual([{ delete: { deleted: 3 } }]);
    const { entries } = await store.scan({ prefix: k('') });
    expect(showAll(entries)).toEqual(['a=1', 'a0=1', 'b=1']);
  });

  test('a key may be written once in a branch; whole prefixes count', async () => {
    const { store } = current();
    const twice: Op[][] = [
      [put('a', '1'), put('a', '2')],
      [put('a', '1'), { delete: { key: k('a') } }],
      [put('a/1', '1'), put('b', '1'), { delete: { prefix: k('a/') } }],
      [{ delete: { prefix: k('a/') } }, { delete: { prefix: k('a/b/') } }],
    ];
    for (const ops of twice) {
      await refusal(store.batchWrite(ops), 'INPUT_INVALID');
      await refusal(store.transact({ if: [], then: [], else: ops }), 'INPUT_INVALID');
    }
    expect(await valueOf(store, 'a')).toBe('absent');
    await store.transact({ if: [], then: [put('a', '1')], else: [put('a', '2')] });
    await store.batchWrite([put('a', '1'), { delete: { prefix: k('a/') } }, put('a0', '1')]);
  });

  test('a hundred operations fit into a branch, and a hundred and one do not', async () => {
    const { store } = current();
    const max = storeLimits.transactionOpsMax;
    await store.batchWrite(many(max).map((name) => put(name, '1')));
    const over = many(max + 1).map((name) => put(name, '2'));
    await refusal(store.batchWrite(over), 'STORE_LIMIT');
    await refusal(store.transact({ if: [], then: [], else: over }), 'STORE_LIMIT');
    const compares = many(max + 1).map((name): Compare => ({
      key: k(name),
      target: 'version',
      op: '=',
      operand: 1,
    }));
    await refusal(store.transact({ if: compares, then: [] }), 'STORE_LIMIT');
    expect(await valueOf(store, 'k0')).toBe('k0=1');
  });

  test('a transaction over its bytes is refused whole', async () => {
    const { store } = current();
    const value = 'x'.repeat(storeLimits.valueBytesMax);
    await refusal(
      store.batchWrite([put('a', value), put('b', value), put('c', '1')]),
      'STORE_LIMIT',
    );
    const { entries } = await store.scan({ prefix: k('') });
    expect(entries).toEqual([]);
  });

  test('a refused transaction leaves nothing, and its neighbours in time are done', async () => {
    const { store } = current();
    const lost = store.batchWrite([put('a', '1'), put('b', '1', 'no-such-lease')]);
    const kept = store.set(k('c'), k('1'));
    await refusal(lost, 'STORE_LEASE_NOT_FOUND');
    await kept;
    const { entries } = await store.scan({ prefix: k('') });
    expect(showAll(entries)).toEqual(['c=1']);
  });

  test('with an idempotency key, a repeated call does nothing and tells the first outcome', async () => {
    const { store } = current();
    const absent: Compare = { key: k('a'), target: 'version', op: '=', operand: 0 };
    const transaction = { if: [absent], then: [put('a', '1')], else: [{ get: { key: k('a') } }] };
    const first = await store.transact(transaction, { idempotencyKey: 'once' });
    await store.set(k('a'), k('2'));
    const again = await store.transact(transaction, { idempotencyKey: 'once' });
    expect(again).toEqual(first);
    expect(await valueOf(store, 'a')).toBe('a=2');
    const other = await store.transact(transaction, { idempotencyKey: 'twice' });
    expect(other.succeeded).toBe(false);
    const [read] = (await store.transact(transaction, { idempotencyKey: 'twice' })).results;
    expect(read !== undefined && 'get' in read && show(read.get.entry)).toBe('a=2');
  });

  test('of concurrent calls with one idempotency key, one is done', async () => {
    const { store } = current();
    const calls = many(16).map((name) =>
      store.transact({ if: [], then: [put(name, '1')] }, { idempotencyKey: 'once' }),
    );
    const revisions = (await Promise.all(calls)).map(({ revision }) => revision);
    expect(new Set(revisions).size).toBe(1);
    const { entries } = await store.scan({ prefix: k('') });
    expect(entries).toHaveLength(1);
  });

  onMovedTime('an outcome is kept for ten minutes and then forgotten', async (clock) => {
    const { store } = current();
    const run = async (): Promise<number> => {
      const done = await store.transact(
        { if: [], then: [put('a', '1')] },
        { idempotencyKey: 'once' },
      );
      return done.revision;
    };
    const first = await run();
    clock.advance(599_000);
    expect(await run()).toBe(first);
    clock.advance(1_001);
    await expect.poll(run, { timeout: 10_000 }).toBeGreaterThan(first);
  });

  test('an idempotency key over its limit is refused', async () => {
    const { store } = current();
    const once = (idempotencyKey: string) =>
      store.transact({ if: [], then: [put('a', '1')] }, { idempotencyKey });
    await refusal(once(`${'é'.repeat(idempotencyKeyBytesMax / 2)}x`), 'STORE_LIMIT');
    expect((await store.get(k('a'))).entry).toBeNull();
    // A scope writes its name before the key.
    const longest = 'é'.repeat((idempotencyKeyBytesMax - 64) / 2);
    const { revision } = await once(longest);
    expect((await once(longest)).revision).toBe(revision);
  });
}
