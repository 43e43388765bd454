// Budgets: counted before anything is served, in memory and in the store, over crashes and nodes.
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import { isHansaError, localId, type ClusterId, type KeyValueStore } from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import fc from 'fast-check';
import { beforeEach, describe, expect, test } from 'vitest';
import { createHandClock, type HandClock } from '../../testkit/hand-clock.ts';
import { clusterOf, createTestPeers, linked } from '../../testkit/test-cluster.ts';
import { createBudgets, sharesPerBudget } from './budgets.ts';
import type { Budgets, Rule } from './contract.ts';

const codec = createMsgpackCodec();
const crypto = createNodeCrypto();
const bergen = clusterOf(crypto, 1);
const visby = clusterOf(crypto, 2);
const resource = localId('git', 'hansa');
const mib = 1_024 * 1_024;
const hourMs = 3_600_000;

let clock: HandClock;
let store: KeyValueStore;
let writes: number;
let rules: Rule[];

function limit(id: string, bytes: number, windowMs = hourMs): Rule {
  return {
    id,
    effect: 'limit',
    resources: {},
    peers: { public: true },
    verbs: ['pull'],
    limits: { budget: { bytes, windowMs } },
    createdMs: 0,
  };
}

/** What a process that starts now would count with. */
function node(): Budgets {
  const peers = createTestPeers();
  peers.set(linked(bergen, 'bergen'));
  peers.set(linked(visby, 'visby'));
  return createBudgets({ store, codec, clock, peers, limits: () => rules });
}

beforeEach(() => {
  clock = createHandClock();
  clock.advance(1_700_000_000_000);
  const memory = createMemoryStore({ clock });
  writes = 0;
  store = {
    ...memory,
    get: (key) => memory.get(key),
    transact(transaction) {
      writes += 1;
      return memory.transact(transaction);
    },
  };
  rules = [limit('r-1', 16 * mib)];
});

const exhausted = { code: 'BUDGET_EXHAUSTED' };

async function spendAll(budgets: Budgets, peer: ClusterId, piece = mib): Promise<number> {
  for (let served = 0; ; served += piece) {
    try {
      await budgets.spend(peer, resource, piece);
    } catch (error) {
      expect(isHansaError(error, 'BUDGET_EXHAUSTED')).toBe(true);
      return served;
    }
  }
}

describe('a budget', () => {
  test('lets pass what it says, and then says when to ask again', async () => {
    const budgets = node();
    expect(await spendAll(budgets, bergen)).toBe(16 * mib);
    clock.advance(hourMs / 2);
    await expect(budgets.spend(bergen, resource, mib)).rejects.toMatchObject({
      ...exhausted,
      message: 'the budget of 16.0 MiB in 1 hour for git/hansa is used up',
      facts: { rule: 'r-1', retryAfterSeconds: 1_800, budgetBytes: 16 * mib, windowMs: hourMs },
    });
    clock.advance(hourMs / 2);
    expect(await spendAll(budgets, bergen)).toBe(16 * mib);
  });

  test('is each linked peer’s own, and one for all strangers together', async () => {
    const budgets = node();
    expect(await spendAll(budgets, bergen)).toBe(16 * mib);
    expect(await spendAll(budgets, visby)).toBe(16 * mib);
    expect(await spendAll(budgets, clusterOf(crypto, 3))).toBe(16 * mib);
    // A fresh key is free: it must not come with a fresh budget.
    expect(await spendAll(budgets, clusterOf(crypto, 4))).toBe(0);
  });

  test('holds with others, and the strictest wins without costing the rest', async () => {
    rules = [limit('r-wide', 16 * mib), limit('r-tight', 2 * mib)];
    const budgets = node();
    expect(await spendAll(budgets, bergen)).toBe(2 * mib);
    const used = await budgets.used(bergen, resource);
    expect(used.map(({ rule, usedBytes }) => [rule, usedBytes])).toEqual([
      ['r-wide', 2 * mib],
      ['r-tight', 2 * mib],
    ]);
  });

  test('is never exceeded by many at the same time', async () => {
    const budgets = node();
    const asked = Array.from({ length: 40 }, () => budgets.spend(bergen, resource, mib));
    const done = await Promise.allSettled(asked);
    expect(done.filter(({ status }) => status === 'fulfilled')).toHaveLength(16);
  });

  test('is not asked for where no limit has one', async () => {
    rules = [];
    await node().spend(bergen, resource, 1e15);
    expect(writes).toBe(0);
  });

  test('costs a write for a sixteenth of it, not for every piece', async () => {
    const budgets = node();
    expect(await spendAll(budgets, bergen, 1_024)).toBe(16 * mib);
    expect(writes).toBe(sharesPerBudget);
  });

  test('tells how much of it is used, also to who has just begun', async () => {
    const budgets = node();
    await expect(budgets.used(bergen, resource)).resolves.toEqual([
      { rule: 'r-1', bytes: 16 * mib, windowMs: hourMs, usedBytes: 0 },
    ]);
    await budgets.spend(bergen, resource, 10);
    const untilMs = clock.now() + hourMs;
    await expect(budgets.used(bergen, resource)).resolves.toMatchObject([
      { usedBytes: 10, untilMs },
    ]);
  });

  test('that a wrong clock had begun in the future begins again when it is set right', async () => {
    const budgets = node();
    clock.advance(400 * 24 * hourMs);
    await spendAll(budgets, bergen);
    const right = createHandClock();
    right.advance(1_700_000_000_000);
    clock = right;
    expect(await spendAll(node(), bergen)).toBe(16 * mib);
  });
});

test('over crashes and several nodes never more than the budget, and hardly less', async () => {
  await fc.assert(
    fc.asyncProperty(
      fc.array(fc.record({ node: fc.nat(2), bytes: fc.integer({ min: 1, max: 3 * mib }) }), {
        maxLength: 60,
      }),
      fc.array(fc.nat(59), { maxLength: 4 }),
      async (pieces, crashes) => {
        store = createMemoryStore({ clock });
        const nodes = [node(), node(), node()];
        let served = 0;
        let refusedAt: number | undefined;
        for (const [at, piece] of pieces.entries()) {
          if (crashes.includes(at)) {
            nodes[piece.node] = node();
          }
          const passed = await nodes[piece.node]?.spend(bergen, resource, piece.bytes).then(
            () => true,
            () => false,
          );
          served += passed === true ? piece.bytes : 0;
          refusedAt ??= passed === false ? served + piece.bytes : undefined;
        }
        expect(served).toBeLessThanOrEqual(16 * mib);
        // What is lost to a crash, or lies unspent at a node, is a share for each, and a piece.
        const lost = (crashes.length + nodes.length) * (mib + 3 * mib);
        expect(refusedAt ?? 16 * mib).toBeGreaterThan(16 * mib - lost);
      },
    ),
    { numRuns: 1_000 },
  );
});
