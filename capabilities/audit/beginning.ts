// What was allowed and is being done, kept from before it begins until its record is stored: so
// that nothing consequential is done of which the disk knows nothing, however it ends.
import {
  toBase64Url,
  HansaError,
  reportOf,
  type KeyValueStore,
  type Log,
  type Random,
} from '@hansa/foundation';
import type { AuditChain } from './chain.ts';
import type { AuditTables, BegunRow } from './keys.ts';

const idBytes = 12; // 96 bits: no two are called alike

/** What became of something whose node ended before it did. */
export const interrupted = 'INTERRUPTED';

export interface BeginningNeeds {
  readonly store: KeyValueStore;
  readonly tables: Pick<AuditTables, 'begun'>;
  readonly random: Random;
  readonly log: Log;
}

export interface Beginnings {
  /** Resolves when it is stored; AUDIT_UNAVAILABLE where the store refuses. */
  keep(row: BegunRow): Promise<string>;
  /** Its record is stored, or was never to be. */
  ended(id: string): void;
  /** What an earlier process began, and left without a record. */
  left(): Promise<readonly (BegunRow & { readonly id: string })[]>;
  /** Resolves when nothing is being deleted. */
  rest(): Promise<void>;
}

export type RecordedChain = Pick<AuditChain, 'tail' | 'start' | 'record'>;

/** Those that have a record, by the fact that names them: only their row was left. */
export async function recordedOf(
  chain: RecordedChain,
  left: readonly BegunRow[],
): Promise<ReadonlySet<string>> {
  const ids = new Set<string>();
  const sinceMs = Math.min(...left.map(({ atMs }) => atMs));
  const tail = left.length === 0 ? undefined : await chain.tail();
  if (tail === undefined) {
    return ids;
  }
  const { sequence: anchored } = await chain.start();
  // No record is dated before the one that it follows.
  for (let at = tail.sequence; at > anchored; at -= 1) {
    const record = await chain.record(at);
    if (record !== undefined && record.atMs < sinceMs) {
      break;
    }
    ids.add(String(record?.facts['begun'] ?? ''));
  }
  return ids;
}

export function createBeginnings({ store, tables, random, log }: BeginningNeeds): Beginnings {
  let over: string[] = [];
  let deleting: Promise<void> | undefined;
  /** What the store does not delete now goes with the next that ends. */
  const clear = async (): Promise<void> => {
    while (over.length > 0) {
      const some = over.slice(0, store.limits.transactionOpsMax);
      await store.transact({ if: [], then: some.map((id) => tables.begun.delete([id])) });
      over = over.slice(some.length);
    }
  };
  return {
    async keep(row) {
      const id = toBase64Url(random.bytes(idBytes));
      try {
        await store.batchWrite([tables.begun.put([id], row)]);
      } catch (error) {
        const { message } = reportOf(error);
        throw new HansaError('AUDIT_UNAVAILABLE', `nothing is changed now: ${message}`, {
          cause: error,
        });
      }
      return id;
    },
    ended(id) {
      over.push(id);
      deleting ??= clear()
        .catch((error: unknown) => log.problem('audit.beginning-kept', error))
        .finally(() => {
          deleting = undefined;
        });
    },
    async left() {
      const rows: (BegunRow & { readonly id: string })[] = [];
      for await (const { key, value } of tables.begun.rows()) {
        rows.push({ ...value, id: String(key[0]) });
      }
      return rows;
    },
    rest: async () => deleting,
  };
}
