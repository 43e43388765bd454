// A small table of clusters whose bound holds whoever writes: every change also moves one row that
// counts changes, and so comes after the change that it has seen.
import {
  createMutex,
  HansaError,
  table,
  watchedTable,
  type Clock,
  type ClusterId,
  type Codec,
  type KeyValueStore,
  type Op,
} from '@hansa/foundation';
import { z } from 'zod';

// Somebody else's change came in between this often: then it is a mistake in a script.
const attemptsMax = 64;

export interface RowsChange<T> {
  readonly put: readonly T[];
  readonly drop: readonly ClusterId[];
}

export interface BoundedRows<T extends { readonly cluster: ClusterId }> {
  all(): readonly T[];
  find(cluster: ClusterId): T | undefined;
  /** Decides on the rows as they are; asked again where somebody else's change came first. */
  change(decide: (rows: readonly T[]) => RowsChange<T>): Promise<void>;
  readonly generation: number;
  /** Called with the cluster whose row changed; undefined: any may have. */
  subscribe(changed: (cluster: ClusterId | undefined) => void): () => void;
  start(signal: AbortSignal, clock: Clock): Promise<void>;
}

/** The row that counts changes; no cluster has an empty id. */
const countKey = '';
interface Count {
  readonly changes: number;
}
const countSchema: z.ZodType<Count> = z.strictObject({ changes: z.number() });

export function createBoundedRows<T extends { readonly cluster: ClusterId }>(needs: {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly name: string;
  readonly schema: z.ZodType<T>;
}): BoundedRows<T> {
  const { store } = needs;
  const rows = table<T | Count>({ ...needs, schema: z.union([needs.schema, countSchema]) });
  const cache = watchedTable(store, rows);
  const oneByOne = createMutex();
  const isRow = (value: T | Count): value is T => 'cluster' in value;
  const all = (): readonly T[] => [...cache.rows.values()].map(({ value }) => value).filter(isRow);
  const attempt = async (decide: (held: readonly T[]) => RowsChange<T>): Promise<boolean> => {
    const count = await rows.get(countKey);
    await (count === undefined ? undefined : cache.reached(count.modRevision));
    const { put, drop } = decide(all());
    const ops: readonly Op[] = [
      ...put.map((value) => rows.put([value.cluster], value)),
      ...drop.map((cluster) => rows.delete([cluster])),
    ];
    if (ops.length === 0) {
      return true;
    }
    const changes = count === undefined || isRow(count.value) ? 0 : count.value.changes;
    const operand = count?.modRevision ?? 0;
    const { succeeded, revision } = await store.transact({
      if: [{ key: rows.key(countKey), target: 'modRevision', op: '=', operand }],
      then: [rows.put([countKey], { changes: changes + 1 }), ...ops],
    });
    await (succeeded ? cache.reached(revision) : undefined);
    return succeeded;
  };
  return {
    all,
    find(cluster) {
      const value = cache.find(cluster)?.value;
      return value !== undefined && isRow(value) ? value : undefined;
    },
    change: (decide) =>
      oneByOne.run(async () => {
        for (let tried = 0; tried < attemptsMax; tried += 1) {
          if (await attempt(decide)) {
            return;
          }
        }
        throw new HansaError('CONFLICT', 'somebody else is changing the same list');
      }),
    get generation() {
      return cache.generation;
    },
    subscribe: (changed) =>
      cache.subscribe((key) => {
        const [cluster] = key ?? [];
        if (cluster !== countKey) {
          changed(typeof cluster === 'string' ? (cluster as ClusterId) : undefined);
        }
      }),
    start: (signal, clock) => cache.start(signal, clock),
  };
}
