// Making a resource, and removing it with its whole history: a tombstone keeps the epoch, so that a
// name that comes back is never mistaken for what had it before.
import { deletePrefix, federatedId, HansaError, localId, type Revision } from '@hansa/foundation';
import type { Held } from './appending.ts';
import type { NewResource, Resource } from './contract.ts';
import type { Digests } from './digests.ts';
import { firstChain } from './history.ts';
import type { StoredState } from './keys.ts';

export async function createResource(
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
    epoch: Math.max(before?.value.resource.epoch ?? 0, await epochFloor(held)) + 1,
  };
  const { epoch } = resource;
  const state: StoredState = {
    epoch,
    chain: firstChain(crypto, federatedId(signer.cluster, id), epoch),
    hlc,
    changes: 0,
    bytes: 0,
    allChanges: 0,
    allBytes: 0,
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
  await reached(held, result.revision);
  return resource;
}

/** No epoch up to it begins here: another life of this cluster may have begun it. */
export async function epochFloor({ tables }: Pick<Held, 'tables'>): Promise<number> {
  return (await tables.floor.get())?.value ?? 0;
}

/**
 * Gone with the first transaction. The history follows in as many as it takes: it lies under its
 * epoch, which never comes back, so what a crash leaves of it is never read.
 */
export async function removeResource(
  held: Held,
  digests: Digests,
  resource: Resource,
): Promise<Resource> {
  const { store, tables } = held;
  const { id, epoch } = resource;
  const { succeeded, revision } = await store.transact({
    if: [{ key: tables.states.key(id), target: 'version', op: '>', operand: 0 }],
    then: [tables.resources.put([id], { resource, removed: true }), tables.states.delete([id])],
  });
  if (!succeeded) {
    throw new HansaError('RESOURCE_NOT_FOUND', `${id} was removed at the same time`);
  }
  await reached(held, revision);
  await digests.remove(id, epoch);
  const { changes, checkpoints, kept, entries, blobs } = tables;
  for (const each of [changes, checkpoints, kept, entries, blobs]) {
    await deletePrefix(store, each.prefix(id, epoch));
  }
  return resource;
}

async function reached({ resources, states }: Held, revision: Revision): Promise<void> {
  await Promise.all([resources.reached(revision), states.reached(revision)]);
}
