// Counters: whole numbers in their range, changed one after the other; and what is asked to be done
// once is done once, however often it is asked.
import { HansaError, type KeyValueStore, type LeaseId, type Op } from '@hansa/foundation';
import {
  countersMax,
  onceMs,
  pageNumbersMax,
  reservedMax,
  sequencesMax,
  type Counter,
  type Counters,
  type Sequences,
} from './contract.ts';
import type { NumberRecord, NumberTables, OnceRecord } from './keys.ts';
import { createLedger, type Change, type Changed, type Ledger, type Scratch } from './ledger.ts';

export interface CountingNeeds {
  readonly store: KeyValueStore;
  readonly tables: NumberTables;
  /** Fewer than `countersMax`, for tests. */
  readonly countersMax?: number | undefined;
  readonly sequencesMax?: number | undefined;
}

type NumberChange = Change<NumberRecord, OnceRecord>;
/** The number after, and how much was taken; throws where there is none. */
type Arithmetic = (value: number) => OnceRecord;

export function createCounters(needs: CountingNeeds): Counters {
  const { store, tables } = needs;
  const ledger = createLedger<NumberRecord>({
    store,
    table: tables.counters,
    census: tables.census,
    noun: 'counter',
    rowsMax: needs.countersMax ?? countersMax,
  });
  const change = (
    { name, once }: { name: string; once?: string | undefined },
    arithmetic: Arithmetic,
  ): Promise<OnceRecord> => {
    const plain: NumberChange = (record) => counted(arithmetic(record?.value ?? 0));
    return ledger.change(
      name,
      once === undefined ? plain : doneOnce(needs, { name, once, arithmetic }),
    );
  };
  return {
    async show({ name }) {
      return { name, value: (await tables.counters.get(name))?.value.value ?? 0 };
    },
    async add({ name, by, once }) {
      const { value } = await change({ name, once }, (before) => inRange(name, before + by));
      return { name, value };
    },
    async subtract({ name, by, stopAtZero = false, once }) {
      const done = await change({ name, once }, (before) => {
        const taken = stopAtZero ? Math.min(by, Math.max(0, before)) : by;
        return { ...inRange(name, before - taken), taken };
      });
      return { name, ...done };
    },
    async set({ name, value, once }) {
      await change({ name, once }, () => ({ value, taken: 0 }));
      return { name, value };
    },
    async compareAndSet({ name, expect, value }) {
      let swapped = false;
      const done = await change({ name }, (before) => {
        swapped = before === expect;
        return { value: swapped ? value : before, taken: 0 };
      });
      return { name, value: done.value, swapped };
    },
    async reset({ name }) {
      let was = 0;
      await change({ name }, (before) => {
        was = before;
        return { value: 0, taken: 0 };
      });
      return { name, value: was };
    },
    async list(page) {
      const { rows, next } = await pageOf(tables.counters, page);
      return { counters: rows, ...next };
    },
  };
}

/** Zero is no row: what was reset leaves nothing behind. */
function counted(done: OnceRecord): Changed<NumberRecord, OnceRecord> {
  const { value } = done;
  return { record: value === 0 ? undefined : { value }, answer: done };
}

function inRange(name: string, value: number): OnceRecord {
  if (!Number.isSafeInteger(value)) {
    throw new HansaError('COUNTER_RANGE', `"${name}" would leave the range of whole numbers`, {
      facts: { most: Number.MAX_SAFE_INTEGER },
    });
  }
  return { value, taken: 0 };
}

function doneOnce(
  { store, tables }: CountingNeeds,
  asked: { readonly name: string; readonly once: string; readonly arithmetic: Arithmetic },
): NumberChange {
  const { name, once, arithmetic } = asked;
  const key = tables.once.key(name, once);
  return async (record, scratch) => {
    const remembered = scratch.get(once);
    if (remembered !== undefined) {
      return { record, answer: remembered as OnceRecord };
    }
    const before = await tables.once.get(name, once);
    if (before !== undefined) {
      return { record, answer: before.value };
    }
    const done = arithmetic(record?.value ?? 0);
    scratch.set(once, done);
    const then = [underLease(tables.once.put([name, once], done), await leaseOf(store, scratch))];
    const absent = { key, target: 'modRevision', op: '=', operand: 0 } as const;
    return { ...counted(done), beside: { if: [absent], then } };
  };
}

const leaseWord = ' lease'; // no id has a space

async function leaseOf(store: KeyValueStore, scratch: Scratch): Promise<LeaseId> {
  const kept = scratch.get(leaseWord);
  if (typeof kept === 'string') {
    return kept;
  }
  const { id } = await store.leaseGrant(onceMs / 1_000);
  scratch.set(leaseWord, id);
  return id;
}

function underLease(op: Op, lease: LeaseId): Op {
  return 'put' in op ? { put: { ...op.put, lease } } : op;
}

export function createSequences(needs: CountingNeeds): Sequences {
  const { store, tables } = needs;
  const ledger: Ledger<NumberRecord> = createLedger({
    store,
    table: tables.sequences,
    census: tables.census,
    noun: 'sequence',
    rowsMax: needs.sequencesMax ?? sequencesMax,
  });
  return {
    next: ({ name, count = 1 }) =>
      ledger.change(name, (record) => {
        const before = record?.value ?? 0;
        // Said in the register of its limits as well: no call can ask for more.
        const { value } = inRange(name, before + Math.min(count, reservedMax));
        return { record: { value }, answer: { name, first: before + 1, last: value } };
      }),
    async show({ name }) {
      return { name, last: (await tables.sequences.get(name))?.value.value ?? 0 };
    },
    async list(page) {
      const { rows, next } = await pageOf(tables.sequences, page);
      return { sequences: rows.map(({ name, value }) => ({ name, last: value })), ...next };
    },
  };
}

async function pageOf(
  table: NumberTables['counters'],
  { after, limit = pageNumbersMax }: { after?: string | undefined; limit?: number | undefined },
): Promise<{ readonly rows: readonly Counter[]; readonly next: { next?: string } }> {
  const rows: Counter[] = [];
  for await (const { key, value } of table.rowsFrom([], after ?? '')) {
    const name = String(key[0]);
    if (name !== after) {
      rows.push({ name, value: value.value });
    }
    if (rows.length >= limit) {
      return { rows, next: { next: name } };
    }
  }
  return { rows, next: {} };
}
