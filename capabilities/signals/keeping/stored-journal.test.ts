import { HansaError, silentLog, type KeyValueStore } from '@hansa/foundation';
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import { createMemoryStore } from '@hansa/store-memory';
import { expect, test } from 'vitest';
import { createVirtualClock, type VirtualClock } from '../../../testkit/virtual-clock.ts';
import { matcherOf } from '../patterns/matching.ts';
import { createMemoryJournal, type Journal } from '../router/journal.ts';
import { createRuleBook, type AddressRule } from '../router/rules.ts';
import { createStoredJournal, storedJournalLimits, type StoredJournal } from './stored-journal.ts';

interface World {
  readonly clock: VirtualClock;
  /** Those of the next start, too. */
  rules: readonly AddressRule[];
  fails: boolean;
  readonly transactions: { readonly ops: number; readonly bytes: number }[];
  /** As a new process would find it. */
  start(otherwise?: Journal): Promise<StoredJournal>;
  /** How many rows and entries the store holds. */
  stored(): Promise<{ readonly rows: number; readonly bytes: number }>;
}

const codec = createMsgpackCodec();

function createWorld(rules: readonly AddressRule[]): World {
  const clock = createVirtualClock();
  const inner = createMemoryStore({ clock });
  const store: KeyValueStore = {
    ...inner,
    limits: inner.limits,
    durability: inner.durability,
    scan: inner.scan.bind(inner),
    async transact(transaction, options) {
      if (world.fails) {
        throw new HansaError('DISK_FULL', 'no space is left');
      }
      const sizes = transaction.then.map((op) => ('put' in op ? op.put.value.length : 0));
      const bytes = sizes.reduce((sum, size) => sum + size, 0);
      world.transactions.push({ ops: transaction.then.length, bytes });
      return inner.transact(transaction, options);
    },
  };
  const world: World = {
    clock,
    rules,
    fails: false,
    transactions: [],
    async start(otherwise) {
      const journal = createStoredJournal({
        store,
        codec,
        crypto: createNodeCrypto(),
        clock,
        log: silentLog,
        ruleOf: (address) => createRuleBook(world.rules)(address),
        rules: () => world.rules,
        otherwise,
      });
      await journal.load();
      return journal;
    },
    async stored() {
      const { entries } = await inner.scan({ prefix: new Uint8Array() });
      const bytes = entries.reduce((sum, { value }) => sum + value.length, 0);
      return { rows: entries.length, bytes };
    },
  };
  return world;
}

interface Written {
  readonly address?: string;
  readonly bytes?: number;
}

function write(journal: Journal, world: World, { address = '/cue/a', bytes = 20 }: Written): void {
  const timestamp = world.clock.now() * 1_000;
  const frame = new Uint8Array(bytes);
  journal.append({ address, signal: 'event', timestamp, author: 'ann', frame });
}

async function timesOf(journal: Journal, pattern = '/**', from = 0): Promise<number[]> {
  const times: number[] = [];
  const query = { pattern, matches: withoutSignal(pattern), from, to: Number.POSITIVE_INFINITY };
  for await (const { timestamp } of journal.entries(query)) {
    times.push(timestamp / 1_000);
  }
  return times;
}

function withoutSignal(pattern: string): (entry: { readonly address: string }) => boolean {
  const matches = matcherOf(pattern);
  return ({ address }) => matches(address);
}

/** One each millisecond; the times of all. */
async function writeMany(journal: Journal, world: World, count: number): Promise<number[]> {
  const times: number[] = [];
  for (let i = 0; i < count; i += 1) {
    write(journal, world, {});
    times.push(world.clock.now());
    await world.clock.advance(1);
  }
  return times;
}

test('what a rule asks for is stored within 100 ms, and read after a crash, oldest first', async () => {
  const world = createWorld([{ pattern: '/cue/**', journalEntries: 1_000 }]);
  const first = await world.start();
  const times = await writeMany(first, world, 300);
  expect(world.transactions.length).toBeLessThan(10);
  // The process dies here: nobody stops anything.
  const second = await world.start();
  const found = await timesOf(second);
  expect(found).toEqual(times.slice(0, found.length));
  expect(found.length).toBeGreaterThanOrEqual(times.length - 100);
  expect(await timesOf(first)).toEqual(times);
  const after = times[100] ?? 0;
  expect(await timesOf(first, '/cue/a', after * 1_000)).toEqual(times.slice(100));
  expect(await timesOf(first, '/cue/b')).toEqual([]);
});

test('where nothing is remembered, nothing is stored, as often as it is asked', async () => {
  const world = createWorld([{ pattern: '/cue/**', journalEntries: 10 }]);
  const journal = await world.start();
  await Promise.all([journal.flush(), journal.flush()]);
  expect(await timesOf(journal)).toEqual([]);
  journal.review();
  await world.clock.advance(storedJournalLimits.gatherMs);
  await journal.stop();
  expect(world.transactions).toEqual([]);
});

test('an entry comes back as it was told, one that says no type too', async () => {
  const world = createWorld([{ pattern: '/cue/**', journalEntries: 10 }]);
  const first = await world.start();
  const entries = (['param', undefined] as const).map((signal, at) => ({
    address: `/cue/${at}`,
    signal,
    timestamp: 1_000 + at,
    author: 'ann',
    frame: Uint8Array.of(1, 2, at),
  }));
  entries.forEach((entry) => first.append(entry));
  await first.stop();
  const second = await world.start();
  const found = [];
  const query = { pattern: '/**', matches: () => true, from: 0, to: Number.POSITIVE_INFINITY };
  for await (const entry of second.entries(query)) {
    found.push(entry);
  }
  expect(found).toMatchObject(entries);
});

test('a pattern has its newest journalEntries, and the store little more', async () => {
  const world = createWorld([{ pattern: '/cue/**', journalEntries: 100 }]);
  const journal = await world.start();
  const times = await writeMany(journal, world, 1_000);
  expect(await timesOf(journal)).toEqual(times.slice(-100));
  expect((await world.stored()).bytes).toBeLessThan(200 * 150);
  expect(await timesOf(await world.start())).toEqual(times.slice(-100));
  world.rules = [{ pattern: '/cue/**', journalEntries: 10 }];
  journal.review();
  await world.clock.advance(storedJournalLimits.gatherMs);
  expect(await timesOf(journal)).toEqual(times.slice(-10));
});

test('a pattern has no more than journalBytes; without a word, bytesDefault', async () => {
  const world = createWorld([
    { pattern: '/cue/**', journalEntries: 100_000, journalBytes: 1_000_000 },
    { pattern: '/all/**', journalEntries: 100_000 },
  ]);
  const journal = await world.start();
  for (let i = 0; i < 100; i += 1) {
    write(journal, world, { bytes: 60_000 });
    await world.clock.advance(10);
  }
  expect(await timesOf(journal)).toHaveLength(16);
  expect((await world.stored()).bytes).toBeLessThan(1_000_000 + 2 * 300_000);
  const { bytesDefault } = storedJournalLimits;
  for (let i = 0; i < bytesDefault / 60_000 + 1; i += 1) {
    write(journal, world, { address: '/all/a', bytes: 60_000 });
    await world.clock.advance(10);
  }
  const held = (await timesOf(journal, '/all/**')).length;
  expect(held * 60_000).toBeLessThanOrEqual(bytesDefault);
  expect(held * 60_000).toBeGreaterThan(bytesDefault - 120_000);
});

test('a transaction has no more than opsMax operations and transactionBytesMax, a row rowBytesMax', async () => {
  const { opsMax, transactionBytesMax, rowBytesMax } = storedJournalLimits;
  const world = createWorld([{ pattern: '/cue/**', journalEntries: 100_000 }]);
  const journal = await world.start();
  await writeMany(journal, world, 300);
  for (let i = 0; i < 40; i += 1) {
    write(journal, world, { bytes: 60_000 });
  }
  await journal.flush();
  expect(Math.max(...world.transactions.map(({ bytes }) => bytes))).toBeLessThan(1_048_576);
  expect(world.transactions.some(({ bytes }) => bytes > transactionBytesMax / 2)).toBe(true);
  expect((await world.stored()).rows).toBeGreaterThan((40 * 60_000) / rowBytesMax);
  // Single entries, one a row: more of them go than one transaction may take back.
  const slow = createWorld([{ pattern: '/cue/**', journalEntries: 1_000 }]);
  const other = await slow.start();
  for (let i = 0; i < opsMax + 20; i += 1) {
    write(other, slow, {});
    await slow.clock.advance(storedJournalLimits.gatherMs);
  }
  expect((await slow.stored()).rows).toBe(opsMax + 20);
  slow.rules = [];
  other.review();
  await slow.clock.advance(storedJournalLimits.gatherMs);
  expect((await slow.stored()).rows).toBe(0);
  expect(Math.max(...slow.transactions.map(({ ops }) => ops))).toBe(opsMax / 2);
});

test('what no rule asks for any more is gone after a restart as well', async () => {
  const world = createWorld([{ pattern: '/cue/**', journalEntries: 100 }]);
  const first = await world.start();
  write(first, world, {});
  await first.stop();
  world.rules = [];
  const second = await world.start();
  await world.clock.advance(storedJournalLimits.gatherMs);
  expect((await world.stored()).rows).toBe(0);
  expect(second.keeps('/cue/**')).toBe(false);
});

test('addresses without such a rule go to the other journal, and come in one order with the rest', async () => {
  const world = createWorld([
    { pattern: '/cue/private/**', journalEntries: 0 },
    { pattern: '/cue/**', journalEntries: 100 },
  ]);
  const journal = await world.start(createMemoryJournal());
  const addresses = ['/cue/a', '/light/1', '/cue/private/x', '/cue/b', '/light/2'];
  for (const address of addresses) {
    write(journal, world, { address });
    await world.clock.advance(1);
  }
  const query = { pattern: '/**', matches: () => true, from: 0, to: Number.POSITIVE_INFINITY };
  const found = [];
  for await (const { address } of journal.entries(query)) {
    found.push(address);
  }
  expect(found).toEqual(addresses);
  expect(journal.keeps('/light/*')).toBe(true);
  expect((await world.start()).keeps('/light/*')).toBe(false);
  expect((await world.start()).keeps('/cue/*')).toBe(true);
});

test('a store that fails is asked again after retryMs; meanwhile no more waits than may stay', async () => {
  const world = createWorld([{ pattern: '/cue/**', journalEntries: 50 }]);
  const journal = await world.start();
  world.fails = true;
  const times = await writeMany(journal, world, 200);
  await expect(timesOf(journal)).rejects.toThrow('no space is left');
  world.fails = false;
  await world.clock.advance(storedJournalLimits.retryMs);
  await world.clock.advance(storedJournalLimits.gatherMs);
  expect(await timesOf(await world.start())).toEqual(times.slice(-50));
});

test('who reads slowly is given what there was, without what comes and goes meanwhile', async () => {
  const world = createWorld([{ pattern: '/cue/**', journalEntries: 100 }]);
  const journal = await world.start();
  const times: number[] = [];
  for (let i = 0; i < 100; i += 1) {
    write(journal, world, {});
    times.push(world.clock.now());
    await world.clock.advance(storedJournalLimits.gatherMs);
  }
  const query = { pattern: '/**', matches: () => true, from: 0, to: Number.POSITIVE_INFINITY };
  const found: number[] = [];
  for await (const { timestamp } of journal.entries(query)) {
    found.push(timestamp / 1_000);
    write(journal, world, {});
    await world.clock.advance(storedJournalLimits.gatherMs);
  }
  expect(new Set(found).size).toBe(found.length);
  expect(found.every((time) => times.includes(time))).toBe(true);
  expect(found.length).toBeGreaterThan(30);
});

test('a reader is asked before each entry, those that it does not want too, and may end there', async () => {
  const world = createWorld([{ pattern: '/cue/**', journalEntries: 1_000 }]);
  const journal = await world.start();
  await writeMany(journal, world, 300);
  let asked = 0;
  const mayLook = (): boolean | Promise<boolean> => {
    asked += 1;
    return asked % 2 === 0 ? asked < 100 : Promise.resolve(true);
  };
  const query = { pattern: '/cue/**', matches: () => false, from: 0, to: Infinity, mayLook };
  expect(await journal.entries(query)[Symbol.asyncIterator]().next()).toMatchObject({ done: true });
  expect(asked).toBe(100);
});

test('what several rules remember, however much each, is read as one, oldest first', async () => {
  const world = createWorld([
    { pattern: '/cue/**', journalEntries: 100 },
    { pattern: '/sensor/**', journalEntries: 100 },
    { pattern: '/empty/**', journalEntries: 100 },
  ]);
  const otherwise = createMemoryJournal();
  const journal = await world.start(otherwise);
  const times: number[] = [];
  for (const address of ['/cue/a', '/sensor/b', '/elsewhere', '/cue/a', '/cue/a', '/sensor/b']) {
    write(journal, world, { address });
    times.push(world.clock.now());
    await world.clock.advance(200);
  }
  expect(await timesOf(journal)).toEqual(times);
  expect(await timesOf(await world.start(otherwise))).toEqual(times);
});
