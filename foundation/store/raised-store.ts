// A store whose revisions go on above those of another one: what was copied out of a store, or
// restored from a backup of it, must never give the same number twice, since sequences, fencing
// tokens and watchers' positions are made of them. All numbers are the engine's plus a base.
import { HansaError, isHansaError } from '../errors.ts';
import type {
  Compare,
  Entry,
  KeyValueStore,
  OpResult,
  Revision,
  ScanPage,
  TransactionResult,
  WatchBatch,
  WatchEvent,
} from './store.ts';

/** With a base of 0 it is the store itself. Closing it closes the store. */
export function raiseStore(store: KeyValueStore, base: Revision): KeyValueStore {
  if (base === 0) {
    return store;
  }
  const raised: Raised = { store, base };
  return {
    limits: store.limits,
    durability: store.durability,
    ...raisedReads(raised),
    ...raisedWrites(raised),
    leaseGrant: (ttlSeconds) => store.leaseGrant(ttlSeconds),
    leaseKeepAlive: (id) => store.leaseKeepAlive(id),
    leaseRevoke: (id) => store.leaseRevoke(id),
    leaseTimeToLive: (id) => store.leaseTimeToLive(id),
    watch: (target, options) => watchRaised(raised, target, options),
    compact: async (revision) =>
      revision <= base ? undefined : told(raised, store.compact(revision - base)),
    async status() {
      const status = await store.status();
      const { revision, compactRevision } = status;
      return { ...status, revision: revision + base, compactRevision: compactRevision + base };
    },
    close: () => store.close(),
  };
}

interface Raised {
  readonly store: KeyValueStore;
  readonly base: Revision;
}

function raisedEntry({ base }: Raised, entry: Entry): Entry {
  const { createRevision, modRevision } = entry;
  return { ...entry, createRevision: createRevision + base, modRevision: modRevision + base };
}

function raisedOrNull(raised: Raised, entry: Entry | null): Entry | null {
  return entry === null ? null : raisedEntry(raised, entry);
}

const revisionFacts: readonly string[] = ['revision', 'head', 'compactRevision', 'resume'];

/** Errors speak of revisions too. */
async function told<T>({ base }: Raised, answer: Promise<T>): Promise<T> {
  try {
    return await answer;
  } catch (error) {
    throw raisedError(base, error);
  }
}

function raisedError(base: Revision, error: unknown): unknown {
  if (!isHansaError(error, 'STORE_COMPACTED') && !isHansaError(error, 'STORE_WATCH_OVERFLOW')) {
    return error;
  }
  const facts = Object.fromEntries(
    Object.entries(error.facts).map(([name, value]) => [
      name,
      typeof value === 'number' && revisionFacts.includes(name) ? value + base : value,
    ]),
  );
  return new HansaError(error.code, error.message, { cause: error, facts });
}

/** What was there before the copy is no longer kept, wherever it was. */
function requireAbove({ base }: Raised, revision: Revision): void {
  if (revision < base) {
    throw new HansaError('STORE_COMPACTED', `revision ${revision} is no longer kept`, {
      facts: { revision, compactRevision: base },
    });
  }
}

function below(raised: Raised, revision: Revision | undefined): { revision?: Revision } {
  if (revision === undefined) {
    return {};
  }
  requireAbove(raised, revision);
  return { revision: revision - raised.base };
}

type Reads = Pick<KeyValueStore, 'get' | 'scan' | 'batchRead'>;

function raisedReads(raised: Raised): Reads {
  const { store, base } = raised;
  return {
    async get(key, options = {}) {
      const asked = below(raised, options.revision);
      const { entry, revision } = await told(raised, store.get(key, asked));
      return { entry: raisedOrNull(raised, entry), revision: revision + base };
    },
    async scan(range, options = {}): Promise<ScanPage> {
      const asked = { ...options, ...below(raised, options.revision) };
      const page = await told(raised, store.scan(range, asked));
      const entries = page.entries.map((entry) => raisedEntry(raised, entry));
      return { ...page, entries, revision: page.revision + base };
    },
    async batchRead(keys) {
      const { entries, revision } = await store.batchRead(keys);
      return {
        entries: entries.map((entry) => raisedOrNull(raised, entry)),
        revision: revision + base,
      };
    },
  };
}

/** Of an entry that is there, no revision is at or below the base; of one that is not, it is 0. */
function loweredCompare(base: Revision, compare: Compare): Compare {
  const { target } = compare;
  if (target !== 'createRevision' && target !== 'modRevision') {
    return compare;
  }
  const { op, operand } = compare;
  if (operand > base || operand === 0) {
    return { ...compare, operand: operand === 0 ? 0 : operand - base };
  }
  const never = Number.MAX_SAFE_INTEGER; // no store gets there
  const instead = { '=': never, '!=': never, '<': 1, '>': 0 };
  return { ...compare, operand: instead[op] };
}

type Writes = Pick<
  KeyValueStore,
  'set' | 'delete' | 'compareAndSet' | 'compareAndDelete' | 'batchWrite' | 'transact'
>;
type Swapped =
  | { ok: true; revision: Revision }
  | { ok: false; current: Entry | null; revision: Revision };

function raisedWrites(raised: Raised): Writes {
  const { store, base } = raised;
  const expected = (modRevision: Revision): { modRevision: Revision } => ({
    modRevision: modRevision === 0 ? 0 : modRevision - base,
  });
  const swapped = (swap: Swapped): Swapped => {
    const revision = swap.revision + base;
    return swap.ok
      ? { ok: true, revision }
      : { ok: false, current: raisedOrNull(raised, swap.current), revision };
  };
  /** Expected is a revision of before the copy: it is not there any more, whatever is. */
  const isPast = (modRevision: Revision): boolean => modRevision > 0 && modRevision <= base;
  const refused = async (key: Uint8Array): Promise<Swapped> => {
    const { entry, revision } = await store.get(key);
    return swapped({ ok: false, current: entry, revision });
  };
  return {
    async set(key, value, options) {
      const { revision } = await store.set(key, value, options);
      return { revision: revision + base };
    },
    async delete(key) {
      const { revision, deleted } = await store.delete(key);
      return { revision: revision + base, deleted };
    },
    // oxlint-disable-next-line eslint/max-params
    compareAndSet: async (key, { modRevision }, value, options) =>
      isPast(modRevision)
        ? refused(key)
        : swapped(await store.compareAndSet(key, expected(modRevision), value, options)),
    compareAndDelete: async (key, { modRevision }) =>
      isPast(modRevision)
        ? refused(key)
        : swapped(await store.compareAndDelete(key, expected(modRevision))),
    async batchWrite(ops) {
      const { revision } = await store.batchWrite(ops);
      return { revision: revision + base };
    },
    async transact(transaction, options): Promise<TransactionResult> {
      const compares = transaction.if.map((compare) => loweredCompare(base, compare));
      const outcome = await store.transact({ ...transaction, if: compares }, options);
      const results = outcome.results.map((result) => raisedResult(raised, result));
      return { ...outcome, results, revision: outcome.revision + base };
    },
  };
}

function raisedResult(raised: Raised, result: OpResult): OpResult {
  if ('get' in result) {
    return { get: { entry: raisedOrNull(raised, result.get.entry) } };
  }
  return 'scan' in result
    ? { scan: { entries: result.scan.entries.map((entry) => raisedEntry(raised, entry)) } }
    : result;
}

/** Begins with the call, as every watch does. */
function watchRaised(
  raised: Raised,
  ...[target, { from, ...options }]: Parameters<KeyValueStore['watch']>
): AsyncIterable<WatchBatch> {
  const isPast = from !== undefined && from < raised.base;
  const inner = from === undefined || isPast ? options : { ...options, from: from - raised.base };
  const batches = isPast ? [] : raised.store.watch(target, inner);
  return raisedBatches(raised, { batches, from: from ?? raised.base });
}

async function* raisedBatches(
  raised: Raised,
  given: { readonly batches: AsyncIterable<WatchBatch> | readonly WatchBatch[]; from: Revision },
): AsyncGenerator<WatchBatch, void, undefined> {
  const { base } = raised;
  requireAbove(raised, given.from);
  try {
    for await (const batch of given.batches) {
      yield 'progress' in batch
        ? { progress: batch.progress + base }
        : {
            revision: batch.revision + base,
            events: batch.events.map((event) => raisedEvent(raised, event)),
          };
    }
  } catch (error) {
    throw raisedError(base, error);
  }
}

function raisedEvent(raised: Raised, event: WatchEvent): WatchEvent {
  const { prev } = event;
  const entry = raisedOrNull(raised, event.entry);
  return prev === undefined
    ? { ...event, entry }
    : { ...event, entry, prev: raisedEntry(raised, prev) };
}
