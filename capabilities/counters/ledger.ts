// Changes of single records, gathered: while one write is on its way, what others want of the same
// record is collected and written together. Each change sees what the one before it left; the write
// is made only where nobody else has changed the record meanwhile.
import {
  createGathering,
  HansaError,
  type Compare,
  type Entry,
  type KeyValueStore,
  type Op,
  type Row,
  type Table,
} from '@hansa/foundation';
import type { CensusRecord } from './keys.ts';

/** A record after a change (undefined: none), and what the caller is answered. */
export interface Changed<T, A> {
  readonly record: T | undefined;
  readonly answer: A;
  /** Written with it: once keys. */
  readonly beside?: Beside | undefined;
}

export interface Beside {
  readonly if: readonly Compare[];
  readonly then: readonly Op[];
}

/** Lasts for one try of one batch: what changes of it have in common. */
export type Scratch = Map<string, unknown>;

/** Throws where it cannot be made: then it alone fails. */
export type Change<T, A> = (
  record: T | undefined,
  scratch: Scratch,
) => Changed<T, A> | Promise<Changed<T, A>>;

export interface LedgerNeeds<T> {
  readonly store: KeyValueStore;
  readonly table: Table<T>;
  readonly census: Table<CensusRecord>;
  /** What it counts under. */
  readonly noun: string;
  readonly rowsMax: number;
  /** The record as it is now, where time has passed since it was written. */
  readonly aged?: (name: string, row: Row<T>) => T;
  readonly written?: (name: string, revision: number) => void;
}

export interface Ledger<T> {
  change<A>(name: string, change: Change<T, A>): Promise<A>;
}

const gatheredMax = 32; // changes of one write, with room for what is written beside each
const attemptsMax = 64; // each lost one means that another process has changed the record

interface Pending<T> {
  readonly change: Change<T, unknown>;
  resolve(answer: unknown): void;
  reject(error: unknown): void;
}

export function createLedger<T>(needs: LedgerNeeds<T>): Ledger<T> {
  const gathering = createGathering<Pending<T>>({
    weightMax: gatheredMax,
    step: (name, batch) => writeBatch(needs, name, batch),
  });
  return {
    change: <A>(name: string, change: Change<T, A>): Promise<A> =>
      new Promise<A>((resolve, reject) => {
        gathering.add(name, { change, resolve: (answer) => resolve(answer as A), reject });
      }),
  };
}

/** Never rejects: every caller hears his own outcome. */
async function writeBatch<T>(
  needs: LedgerNeeds<T>,
  name: string,
  batch: readonly Pending<T>[],
): Promise<void> {
  try {
    for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
      if (await tryBatch(needs, name, batch)) {
        return;
      }
    }
    throw new HansaError('CONFLICT', `the ${needs.noun} "${name}" changes too fast`, {
      fix: 'try again',
    });
  } catch (error) {
    batch.forEach(({ reject }) => reject(error));
  }
}

interface Outcome {
  tell(): void;
}

async function tryBatch<T>(
  needs: LedgerNeeds<T>,
  name: string,
  batch: readonly Pending<T>[],
): Promise<boolean> {
  const { store, table, census } = needs;
  const { entries } = await store.batchRead([table.key(name), census.key(needs.noun)]);
  const [entry = null, counted = null] = entries;
  const row = entry === null ? undefined : table.row(entry);
  const before = row && (needs.aged?.(name, row) ?? row.value);
  const { record, beside, outcomes } = await applied(batch, before);
  if (record !== before || beside.length > 0) {
    const all = [
      recordWrite(needs, name, { row, record }),
      censusWrite(needs, counted, Number(record !== undefined) - Number(row !== undefined)),
      ...beside,
    ];
    const { succeeded, revision } = await store.transact({
      if: all.flatMap((each) => each.if),
      then: all.flatMap((each) => each.then),
    });
    if (!succeeded) {
      return false;
    }
    needs.written?.(name, revision);
  }
  outcomes.forEach((outcome) => outcome.tell());
  return true;
}

function recordWrite<T>(
  { table }: LedgerNeeds<T>,
  name: string,
  { row, record }: { readonly row: Row<T> | undefined; readonly record: T | undefined },
): Beside {
  const same = equals(table.key(name), row?.modRevision ?? 0);
  if (record !== undefined) {
    return { if: [same], then: [table.put([name], record)] };
  }
  return { if: [same], then: row === undefined ? [] : [table.delete([name])] };
}

/** One row more, or one less: how many there are is known without counting them. */
function censusWrite<T>(needs: LedgerNeeds<T>, counted: Entry | null, change: number): Beside {
  const { census, noun, rowsMax } = needs;
  const rows = counted === null ? 0 : census.row(counted).value.rows;
  if (change === 0) {
    return { if: [], then: [] };
  }
  if (change > 0 && rows >= rowsMax) {
    throw new HansaError('COORDINATION_FULL', `there are ${rowsMax} of them already`);
  }
  return {
    if: [equals(census.key(noun), counted?.modRevision ?? 0)],
    then: [census.put([noun], { rows: rows + change })],
  };
}

function equals(key: Uint8Array, operand: number): Compare {
  return { key, target: 'modRevision', op: '=', operand };
}

async function applied<T>(
  batch: readonly Pending<T>[],
  before: T | undefined,
): Promise<{
  readonly record: T | undefined;
  readonly beside: readonly Beside[];
  readonly outcomes: readonly Outcome[];
}> {
  let record = before;
  const beside: Beside[] = [];
  const outcomes: Outcome[] = [];
  const scratch: Scratch = new Map();
  for (const { change, resolve, reject } of batch) {
    try {
      const changed = await change(record, scratch);
      ({ record } = changed);
      if (changed.beside !== undefined) {
        beside.push(changed.beside);
      }
      outcomes.push({ tell: () => resolve(changed.answer) });
    } catch (error) {
      outcomes.push({ tell: () => reject(error) });
    }
  }
  return { record, beside, outcomes };
}
