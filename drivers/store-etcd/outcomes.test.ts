import { isHansaError, utf8, type KeyValueStore, type Op } from '@hansa/foundation';
import { createSystemClock } from '@hansa/system-node';
import fc from 'fast-check';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { startEtcd, type EtcdCluster } from '../../testkit/etcd-server.ts';
import { requires } from '../../testkit/needs.ts';
import { k } from '../../testkit/store-fixture.ts';
import { openEtcdStore } from './etcd-store.ts';

const anyName = fc.constantFrom('a', 'a/x', 'a/y', 'a/z', 'b');
const anyPrefix = fc.constantFrom('', 'a', 'a/', 'c');
const anyOp: fc.Arbitrary<Op> = fc.oneof(
  anyName.map((name) => ({ put: { key: k(name), value: k('new') } })),
  anyName.map((name) => ({ delete: { key: k(name) } })),
  anyPrefix.map((prefix) => ({ delete: { prefix: k(prefix) } })),
  anyName.map((name) => ({ get: { key: k(name) } })),
  fc
    .record({ prefix: anyPrefix, limit: fc.integer({ min: 1, max: 4 }) })
    .map(({ prefix, limit }) => ({ scan: { prefix: k(prefix), limit } })),
);
const anyWork = fc.record({
  before: fc.uniqueArray(anyName),
  after: fc.uniqueArray(anyName),
  then: fc.array(anyOp, { maxLength: 5 }),
  else: fc.array(anyOp, { maxLength: 5 }),
  expected: fc.boolean(),
});

describe.skipIf(!requires('etcd').available)('a transaction with an idempotency key', () => {
  let etcd: EtcdCluster;
  let store: KeyValueStore;
  beforeAll(async () => {
    etcd = await startEtcd();
    const { endpoints } = etcd;
    const times = { attemptMs: 10_000, callMs: 30_000 };
    store = await openEtcdStore({
      endpoints,
      times,
      prefix: utf8('once/'),
      clock: createSystemClock(),
    });
  });
  afterAll(async () => {
    await store.close();
    await etcd.end();
  });

  test('tells whoever repeats it what the first one was told, whatever it did and read', async () => {
    let run = 0;
    let told = 0;
    const put = (names: readonly string[], value: string): Promise<unknown> =>
      store.batchWrite(names.map((name) => ({ put: { key: k(name), value: k(value) } })));
    const property = fc.asyncProperty(anyWork, async (work) => {
      run += 1;
      await store.batchWrite([{ delete: { prefix: k('') } }]);
      await put(work.before, 'old');
      const operand = work.expected === work.before.includes('b') ? 1 : 0;
      const transaction = {
        if: [{ key: k('b'), target: 'version', op: '=', operand } as const],
        then: work.then,
        else: work.else,
      };
      const options = { idempotencyKey: `run ${run}` };
      try {
        const first = await store.transact(transaction, options);
        expect(first.succeeded).toBe(work.expected);
        await put(work.after, 'later');
        expect(await store.transact(transaction, options)).toEqual(first);
        told += 1;
      } catch (error) {
        // A key that is written twice.
        if (!isHansaError(error, 'INPUT_INVALID')) {
          throw error;
        }
      }
    });
    await fc.assert(property, { numRuns: 300 });
    expect(told).toBeGreaterThan(100);
  });
});
