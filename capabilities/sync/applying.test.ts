import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  HansaError,
  scopeStore,
  toHex,
  utf8,
  type KeyValueStore,
  type Transaction,
} from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { beforeEach, describe, expect, test } from 'vitest';
import { createHandClock, type HandClock } from '../../testkit/hand-clock.ts';
import { collect } from '../../testkit/test-cluster.ts';
import { createWrittenHistory, type WrittenHistory } from '../../testkit/written-history.ts';
import type { ChangeOp } from '../resources/contract.ts';
import { createHistory } from '../resources/history.ts';
import { groupsOf } from './applying.ts';
import { createCopies, type ApplyOrder, type Copies } from './copies.ts';
import { leavesOf, verifyBatch, verifyDigest, type Step } from './verifying.ts';

const codec = createMsgpackCodec();
const crypto = createNodeCrypto();
const history = createHistory(crypto);
const changesMade = 5; // a transaction each: all of them write one key

let clock: HandClock;
let below: KeyValueStore;
/** Does what a test wants with a transaction before the store takes it. */
let before: (transaction: Transaction) => Promise<void>;

beforeEach(() => {
  clock = createHandClock();
  below = createMemoryStore({ clock });
  before = async () => undefined;
});

async function open(): Promise<Copies> {
  const scoped = scopeStore(below, 'x');
  const store: KeyValueStore = {
    ...scoped,
    async transact(transaction, options) {
      await before(transaction);
      return scoped.transact(transaction, options);
    },
  };
  const copies = createCopies({ store, codec, crypto, clock, history });
  const { signal } = new AbortController();
  const { mirrors, applied, forks } = copies;
  await Promise.all([mirrors, applied, forks].map((table) => table.start(signal)));
  return copies;
}

function put(key: string, value: string): ChangeOp {
  return { put: { key: utf8(key), value: utf8(value), blobs: [] } };
}

function newHistory(epoch = 1): WrittenHistory {
  const written = createWrittenHistory(crypto, { owner: 1, name: 'a', epoch });
  for (let i = 0; i < changesMade; i += 1) {
    written.write([put('a', String(i)), put(`b-${i}`, String(i))]);
  }
  return written;
}

function stepsOf(written: WrittenHistory): readonly Step[] {
  const { changes } = written;
  return verifyBatch(
    history,
    { changes, head: written.head() },
    {
      applied: undefined,
      versionOf: () => 0,
    },
  );
}

async function orderOf(copies: Copies, written: WrittenHistory): Promise<ApplyOrder> {
  const head = written.head();
  const { trie } = await copies.trie(written.resource, head.epoch);
  const draft = trie.draft();
  const groups = await verifyDigest(history, { head, groups: groupsOf(stepsOf(written)), draft });
  return { head, groups, draft, trie };
}

/** As if what lies here differed from the head in all that its history ever wrote. */
async function repairOf(copies: Copies, written: WrittenHistory): Promise<ApplyOrder> {
  const steps = stepsOf(written);
  const { trie } = await copies.trie(written.resource, 1);
  const draft = trie.draft();
  await draft.apply(leavesOf(history, steps));
  const groups = groupsOf(steps).map((each) => ({ steps: each, leaves: leavesOf(history, each) }));
  return { head: written.head(), groups, draft, trie };
}

async function rowsUnder(copies: Copies, written: WrittenHistory, copy: number): Promise<number> {
  return (await collect(copies.tables.entries.rows(written.resource, copy))).length;
}

describe('a repair', () => {
  /** A mirror of the first epoch's first position, and what its owner has come to since. */
  async function behind(): Promise<{ copies: Copies; written: WrittenHistory }> {
    const [copies, first] = [await open(), createWrittenHistory(crypto, { owner: 1, name: 'a' })];
    first.write([put('a', 'first')]);
    await copies.apply(await orderOf(copies, first));
    return { copies, written: newHistory() };
  }

  test('of which the store refuses a part is not done, however often it is tried', async () => {
    const { copies, written } = await behind();
    for (const refused of [3, 2]) {
      let count = 0;
      before = async () => {
        count += 1;
        if (count === refused) {
          throw new HansaError('STORE_UNAVAILABLE', 'the disk is full');
        }
      };
      const order = await repairOf(copies, written);
      await expect(copies.replace(order)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
      const row = await copies.tables.applied.get(written.resource);
      expect(row?.value.repairing).toBe(true);
    }
  });

  test('that another node does at the same time is left to one of them', async () => {
    const { copies: one, written } = await behind();
    const two = await open();
    const [first, second] = [await repairOf(one, written), await repairOf(two, written)];
    let count = 0;
    let other: Promise<unknown> | undefined;
    before = async () => {
      count += 1;
      if (count === 3) {
        other = two.replace(second);
        await expect(other).rejects.toMatchObject({ code: 'CONFLICT' });
      }
    };
    await one.replace(first);
    expect(other).toBeDefined();
    // The first position, and each group once.
    const row = await one.tables.applied.get(written.resource);
    expect(row?.modRevision).toBe(1 + changesMade);
  });
});

describe('between two transactions of a batch', () => {
  /** A mirror whose process ended there. */
  async function stopped(written: WrittenHistory, copies: Copies, after: number): Promise<void> {
    let count = 0;
    before = async () => {
      count += 1;
      if (count > after) {
        throw new HansaError('STORE_UNAVAILABLE', 'killed');
      }
    };
    const order = await orderOf(copies, written);
    await expect(copies.apply(order)).rejects.toMatchObject({ code: 'STORE_UNAVAILABLE' });
    before = async () => undefined;
  }

  test('a digest that is doubted is computed from the entries', async () => {
    const [copies, written] = [await open(), newHistory()];
    await stopped(written, copies, 3);
    const { trie } = await copies.trie(written.resource, 1);
    const { root } = trie;
    await copies.tries.doubt(written.resource, 1);
    const again = await (await open()).trie(written.resource, 1);
    expect(again.sound).toBe(false);
    expect(toHex(again.trie.root)).toBe(toHex(root));
  });

  test('of a new epoch, the one before is forgotten as soon as the rest is there', async () => {
    const [copies, old, written] = [await open(), newHistory(1), newHistory(2)];
    await copies.apply(await orderOf(copies, old));
    await stopped(written, copies, 3);
    const again = await open();
    expect(again.applied.find(written.resource)?.value).toMatchObject({ epoch: 2, copy: 2 });
    const { trie } = await again.trie(written.resource, 2);
    const draft = trie.draft();
    const rest = stepsOf(written).slice(3);
    const root = await draft.apply(leavesOf(history, rest));
    expect(toHex(root)).toBe(toHex(written.head().digest));
    const groups = groupsOf(rest).map((steps) => ({ steps, leaves: leavesOf(history, steps) }));
    await again.replace({ head: written.head(), groups, draft, trie });
    expect(await rowsUnder(again, written, 1)).toBe(0);
    expect(await rowsUnder(again, written, 2)).toBe(1 + changesMade);
  });
});
