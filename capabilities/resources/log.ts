// The log of every resource this cluster owns: appended by one guarded transaction, read by
// mirrors.
import {
  compareBytes,
  createHybridClock,
  createMutex,
  emptyTrie,
  federatedId,
  HansaError,
  localId,
  watchedTable,
  type LocalId,
} from '@hansa/foundation';
import {
  type NewResource,
  type Position,
  type Resource,
  type ResourceEntry,
  type ResourceLog,
} from './contract.ts';
import {
  append,
  positionFrom,
  remember,
  type Held,
  type Loaded,
  type ResourceLogNeeds,
} from './appending.ts';
import { firstChain, valueHash } from './history.ts';
import { resourceTables, type StoredState } from './keys.ts';
import { createTicker } from './ticker.ts';

export interface StartedLog {
  readonly log: ResourceLog;
  start(signal: AbortSignal): Promise<void>;
}

export function createResourceLog(needs: ResourceLogNeeds): StartedLog {
  const tables = resourceTables(needs.store, needs.codec);
  const held: Held = {
    ...needs,
    tables,
    resources: watchedTable(needs.store, tables.resources),
    states: watchedTable(needs.store, tables.states),
    tries: new Map(),
  };
  const hybrid = createHybridClock(needs.clock);
  const mutexes = new Map<LocalId, ReturnType<typeof createMutex>>();
  const exclusively = <T>(id: LocalId, work: () => Promise<T>): Promise<T> => {
    const mutex = mutexes.get(id) ?? createMutex();
    mutexes.set(id, mutex);
    return mutex.run(work);
  };
  const find = (id: LocalId): Resource | undefined => {
    const row = held.resources.find(id)?.value;
    return row === undefined || row.removed ? undefined : row.resource;
  };
  const epochOf = (id: LocalId): number => known(find(id), id).epoch;

  const log: ResourceLog = {
    create: (resource) =>
      exclusively(localId(resource.kind, resource.name), () =>
        create(held, resource, hybrid.tick()),
      ),
    remove: (id) => exclusively(id, () => remove(held, known(find(id), id))),
    find,
    all: () =>
      [...held.resources.rows.values()]
        .filter(({ value }) => !value.removed)
        .map(({ value }) => value.resource)
        .toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    get generation() {
      return held.resources.generation;
    },
    subscribe(changed) {
      const forward = (key: readonly unknown[] | undefined): void => {
        const ids = key === undefined ? log.all().map(({ id }) => id) : [key[0] as LocalId];
        ids.forEach(changed);
      };
      const stops = [held.resources.subscribe(forward), held.states.subscribe(forward)];
      return () => stops.forEach((stop) => stop());
    },
    append: (id, ops, options) =>
      exclusively(id, async () => {
        for (;;) {
          const loaded = await load(held, known(find(id), id));
          if (options.expect !== undefined && options.expect !== loaded.state.modRevision) {
            throw new HansaError('CONFLICT', `${id} was changed at the same time`);
          }
          const { author } = options;
          const done = await append(held, { id, ops, author, loaded, hlc: hybrid.tick() });
          if (done !== undefined) {
            return done;
          }
        }
      }),
    position: async (id) => (find(id) === undefined ? undefined : positionOf(held, id)),
    async entry(id, key) {
      const row = await held.tables.entries.get(id, epochOf(id), key);
      return row === undefined ? undefined : { key, ...row.value };
    },
    entries: (id) => entriesOf(held, id, epochOf(id)),
    async *changes(id, since) {
      const from = since.epoch === epochOf(id) ? since.sequence : 0;
      for await (const row of held.tables.changes.rows(id, epochOf(id))) {
        if (Number(row.key[2]) >= from) {
          yield { sequence: row.modRevision, change: row.value };
        }
      }
    },
    async *checkpoints(id, since) {
      for await (const { value } of held.tables.checkpoints.rows(id, epochOf(id))) {
        if (since.epoch !== value.epoch || value.sequence > since.sequence) {
          yield value;
        }
      }
    },
    async blob(id, blob) {
      return (await held.tables.blobs.get(id, epochOf(id), blob))?.value;
    },
    sign: createTicker(needs),
  };
  return {
    log,
    async start(signal) {
      await Promise.all([held.resources.start(signal), held.states.start(signal)]);
    },
  };
}

function known(resource: Resource | undefined, id: LocalId): Resource {
  if (resource === undefined) {
    throw new HansaError('RESOURCE_NOT_FOUND', `there is no ${id} here`);
  }
  return resource;
}

function positionOf(held: Held, id: LocalId): Position | undefined {
  const row = held.states.find(id);
  return row === undefined ? undefined : positionFrom(row);
}

async function* entriesOf(held: Held, id: LocalId, epoch: number): AsyncIterable<ResourceEntry> {
  for await (const { key, value } of held.tables.entries.rows(id, epoch)) {
    yield { key: key[2] as Uint8Array, ...value };
  }
}

async function create(
  held: Held,
  wanted: NewResource,
  hlc: readonly [number, number],
): Promise<Resource> {
  const { store, tables, crypto, clock, signer } = held;
  const id = localId(wanted.kind, wanted.name);
  const before = await tables.resources.get(id);
  if (before !== undefined && !before.value.removed) {
    throw new HansaError('RESOURCE_EXISTS', `${id} exists already`);
  }
  const resource: Resource = {
    id,
    kind: wanted.kind,
    name: wanted.name,
    type: wanted.type ?? wanted.kind,
    description: wanted.description ?? '',
    labels: wanted.labels ?? {},
    createdMs: clock.now(),
    epoch: (before?.value.resource.epoch ?? 0) + 1,
  };
  const { epoch } = resource;
  const state: StoredState = {
    epoch,
    chain: firstChain(crypto, federatedId(signer.cluster, id), epoch),
    digest: emptyTrie(crypto).root,
    hlc,
    changes: 0,
    bytes: 0,
  };
  const result = await store.transact({
    if: [
      {
        key: tables.resources.key(id),
        target: 'modRevision',
        op: '=',
        operand: before?.modRevision ?? 0,
      },
    ],
    then: [
      tables.resources.put([id], { resource, removed: false }),
      tables.states.put([id], state),
    ],
  });
  if (!result.succeeded) {
    throw new HansaError('RESOURCE_EXISTS', `${id} was made at the same time`);
  }
  await Promise.all([
    held.resources.reached(result.revision),
    held.states.reached(result.revision),
  ]);
  return resource;
}

async function remove(held: Held, resource: Resource): Promise<Resource> {
  const { store, tables } = held;
  const { id } = resource;
  const { revision } = await store.batchWrite([
    tables.resources.put([id], { resource, removed: true }),
    tables.states.delete([id]),
    ...[tables.changes, tables.checkpoints, tables.entries, tables.blobs].map((each) => ({
      delete: { prefix: each.prefix(id) },
    })),
  ]);
  await Promise.all([held.resources.reached(revision), held.states.reached(revision)]);
  held.tries.delete(id);
  return resource;
}

/** The present state with its trie; rebuilt from the entries where it is not in memory. */
async function load(held: Held, { id }: Resource): Promise<Loaded> {
  const { tables, crypto, tries } = held;
  for (;;) {
    const state = await tables.states.get(id);
    if (state === undefined) {
      throw new HansaError('RESOURCE_NOT_FOUND', `there is no ${id} here`);
    }
    const cached = tries.get(id);
    if (cached?.sequence === state.modRevision) {
      return { state, trie: cached.trie };
    }
    let trie = emptyTrie(crypto);
    for await (const entry of entriesOf(held, id, state.value.epoch)) {
      const { key, version } = entry;
      trie = trie.set({ key, version, valueHash: valueHash(crypto, entry) });
    }
    const again = await tables.states.get(id);
    if (again?.modRevision !== state.modRevision) {
      continue; // somebody appended while we read
    }
    if (compareBytes(trie.root, state.value.digest) !== 0) {
      throw new HansaError('STORE_DAMAGED', `the entries of ${id} do not give its digest`);
    }
    remember(held, id, { sequence: state.modRevision, trie });
    return { state, trie };
  }
}
