import { expect, test } from 'vitest';
import { createMemoryJournal, type Journal, type JournalEntry } from './journal.ts';
import { routerLimits } from './limits.ts';

const entry = (timestamp: number, bytes = 10): JournalEntry => ({
  address: '/a',
  signal: 'event',
  timestamp,
  author: 'me',
  frame: new Uint8Array(bytes),
});

async function timesOf(journal: Journal): Promise<number[]> {
  const times: number[] = [];
  const query = { pattern: '/**', matches: () => true, from: 0, to: Number.POSITIVE_INFINITY };
  for await (const { timestamp } of journal.entries(query)) {
    times.push(timestamp);
  }
  return times;
}

test('the journal in memory holds journalEntriesMax entries, the newest', async () => {
  const journal = createMemoryJournal();
  const { journalEntriesMax } = routerLimits;
  for (let i = 0; i <= journalEntriesMax; i += 1) {
    journal.append(entry(i));
  }
  const times = await timesOf(journal);
  expect(times).toHaveLength(journalEntriesMax);
  expect([times[0], times.at(-1)]).toEqual([1, journalEntriesMax]);
});

test('the journal in memory holds journalBytesMax bytes of frames, the newest', async () => {
  const journal = createMemoryJournal();
  const bytes = 60_000;
  const fits = Math.floor(routerLimits.journalBytesMax / bytes);
  for (let i = 0; i < fits + 5; i += 1) {
    journal.append(entry(i, bytes));
  }
  const times = await timesOf(journal);
  expect(times).toHaveLength(fits);
  expect(times[0]).toBe(5);
});

test('an entry keeps its own bytes and not the chunk that they came in', async () => {
  const journal = createMemoryJournal();
  const chunk = new Uint8Array(1_000_000);
  journal.append({ ...entry(1), frame: chunk.subarray(0, 10) });
  const query = { pattern: '/**', matches: () => true, from: 0, to: 2 };
  for await (const { frame } of journal.entries(query)) {
    expect(frame.buffer.byteLength).toBe(10);
  }
});

test('what is forgotten before it is read is not told, nor what came after the first look', async () => {
  const journal = createMemoryJournal({ entriesMax: 3 });
  [0, 1, 2].forEach((time) => journal.append(entry(time)));
  const query = { pattern: '/**', matches: () => true, from: 0, to: Number.POSITIVE_INFINITY };
  const reader = journal.entries(query)[Symbol.asyncIterator]();
  expect((await reader.next()).value?.timestamp).toBe(0);
  [3, 4].forEach((time) => journal.append(entry(time)));
  expect((await reader.next()).value?.timestamp).toBe(2);
  expect((await reader.next()).done).toBe(true);
});

test('a reader of the journal in memory is asked before each entry, and may end there', async () => {
  const journal = createMemoryJournal();
  [0, 1, 2, 3].forEach((time) => journal.append(entry(time)));
  const looked: number[] = [];
  let asked = 0;
  const query = {
    pattern: '/**',
    from: 0,
    to: Number.POSITIVE_INFINITY,
    matches: ({ timestamp }: JournalEntry) => looked.push(timestamp) < 0,
    mayLook: () => {
      asked += 1;
      return asked === 2 ? Promise.resolve(true) : asked < 4;
    },
  };
  expect((await journal.entries(query)[Symbol.asyncIterator]().next()).done).toBe(true);
  expect(looked).toEqual([0, 1, 2]);
});
