// The log as its readers see it: what there is, where each resource stands, its entries, changes
// and blobs.
import { HansaError, type LocalId } from '@hansa/foundation';
import { pointFrom, type Held } from './appending.ts';
import type { Resource, ResourceEntry, ResourceLog } from './contract.ts';
import type { Digests } from './digests.ts';
import { entriesAt, entryNow } from './reading-at.ts';
import { sequenceOf } from './keys.ts';

export type Reading = Pick<
  ResourceLog,
  | 'find'
  | 'all'
  | 'point'
  | 'position'
  | 'snapshot'
  | 'keptAfter'
  | 'entry'
  | 'entries'
  | 'at'
  | 'changes'
  | 'checkpoints'
  | 'blob'
  | 'blobs'
>;

export function createReading(held: Held, digests: Digests): Reading {
  const { tables, resources, states } = held;
  const epochOf = (id: LocalId): number => requireResource(held, id).epoch;
  return {
    find: (id) => findResource(held, id),
    all: () =>
      [...resources.rows.values()]
        .filter(({ value }) => !value.removed)
        .map(({ value }) => value.resource)
        .toSorted((a, b) => (a.id < b.id ? -1 : 1)),
    point(id) {
      const row = findResource(held, id) === undefined ? undefined : states.find(id);
      return row === undefined ? undefined : pointFrom(row);
    },
    position: (id) => digests.position(id),
    snapshot: (id) => digests.snapshot(id),
    keptAfter: async (id) => (await tables.kept.get(id, epochOf(id)))?.value ?? 0,
    entry: async (id, key) => entryNow(held, { id, epoch: epochOf(id), key }),
    entries: (id) => entriesOf(held, id, epochOf(id)),
    at: (id, revision) => entriesAt(held, id, revision),
    async *changes(id, since) {
      const epoch = epochOf(id);
      // A change lies at its predecessor's sequence: the first one after `since` lies at it.
      const from = since.epoch === epoch ? since.sequence : 0;
      for await (const row of tables.changes.rowsFrom([id, epoch], from)) {
        const { versions: _ours, sequence: _carried, ...change } = row.value;
        yield { sequence: sequenceOf(row), change };
      }
    },
    async *checkpoints(id, since) {
      const epoch = epochOf(id);
      const from = since.epoch === epoch ? since.sequence + 1 : 0;
      // The digests of those that the trie has not come by yet are not known before it has.
      await digests.position(id);
      for await (const { value } of tables.checkpoints.rowsFrom([id, epoch], from)) {
        const { digest, allChanges: _changes, allBytes: _bytes, ...point } = value;
        if (digest !== undefined) {
          yield { ...point, digest };
        }
      }
    },
    async blob(id, blob) {
      return (await tables.blobs.get(id, epochOf(id), blob))?.value;
    },
    async *blobs(id) {
      const epoch = findResource(held, id)?.epoch;
      for await (const { value } of epoch === undefined ? [] : tables.blobs.rows(id, epoch)) {
        yield value;
      }
    },
  };
}

function findResource({ resources }: Held, id: LocalId): Resource | undefined {
  const row = resources.find(id)?.value;
  return row === undefined || row.removed ? undefined : row.resource;
}

export function requireResource(held: Held, id: LocalId): Resource {
  const resource = findResource(held, id);
  if (resource === undefined) {
    throw new HansaError('RESOURCE_NOT_FOUND', `there is no ${id} here`);
  }
  return resource;
}

export async function* entriesOf(
  { tables }: Held,
  id: LocalId,
  epoch: number,
): AsyncIterable<ResourceEntry> {
  for await (const { key, value } of tables.entries.rows(id, epoch)) {
    yield { key: key[2] as Uint8Array, ...value };
  }
}
