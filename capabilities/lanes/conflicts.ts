// What could not be brought together: kept until a person decides, or until it is gone by itself.
import {
  deletePrefix,
  HansaError,
  splitFederatedId,
  splitLocalId,
  toHex,
  hashTranscript,
  type ErrorReport,
  type FederatedId,
  type Op,
  type Row,
} from '@hansa/foundation';
import {
  conflictsListedMax,
  conflictsPerLaneMax,
  type Conflict,
  type FoundConflict,
  type Take,
} from './contract.ts';
import type { ReceivedLane, StoredConflict } from './keys.ts';
import { conflictsOf, laneKind, type LaneParts } from './parts.ts';

const idBytes = 6; // told apart by a person; the lane keeps others' conflicts away
const opsPerWrite = 90; // below a transaction's hundred

/** Makes the kept conflicts of a lane those that were found. */
export async function bringConflicts(
  parts: LaneParts,
  { lane, resource }: ReceivedLane,
  found: readonly FoundConflict[],
): Promise<void> {
  const { tables, clock } = parts;
  const kept = new Map(
    conflictsOf(parts, lane).map((row) => [row.value.conflict.id, row.value] as const),
  );
  const ops: Op[] = [];
  for (const each of found.slice(0, conflictsPerLaneMax)) {
    const id = conflictId(parts, lane, each.key);
    const before = kept.get(id);
    kept.delete(id);
    const detectedMs = before?.conflict.detectedMs ?? clock.now();
    const conflict: Conflict = { id, resource, lane, detectedMs, ...each };
    const stays = before?.dismissed !== undefined && before.dismissed === each.theirs.version;
    const after: StoredConflict = stays
      ? { conflict, dismissed: each.theirs.version }
      : { conflict };
    if (JSON.stringify(after) !== JSON.stringify(before)) {
      ops.push(tables.conflicts.put([lane, id], after));
    }
  }
  ops.push(...[...kept.keys()].map((id) => tables.conflicts.delete([lane, id])));
  await write(parts, ops);
}

function conflictId({ crypto }: LaneParts, lane: FederatedId, key: string): string {
  const hash = hashTranscript(crypto, 'hansa/conflict/1', [lane, key]);
  return `c-${toHex(hash.subarray(0, idBytes))}`;
}

async function write({ store, conflicts }: LaneParts, ops: readonly Op[]): Promise<void> {
  for (let at = 0; at < ops.length; at += opsPerWrite) {
    const { revision } = await store.batchWrite(ops.slice(at, at + opsPerWrite));
    await conflicts.reached(revision);
  }
}

export async function dropConflicts(parts: LaneParts, lane: FederatedId): Promise<void> {
  await deletePrefix(parts.store, parts.tables.conflicts.prefix(lane));
}

/** The open ones, the oldest first. */
export function listConflicts(parts: LaneParts, resource: string | undefined): readonly Conflict[] {
  return [...parts.conflicts.rows.values()]
    .filter(({ value }) => value.dismissed === undefined)
    .map(({ value }) => value.conflict)
    .filter((conflict) => resource === undefined || conflict.resource === resource)
    .toSorted((a, b) => a.detectedMs - b.detectedMs || (a.id < b.id ? -1 : 1))
    .slice(0, conflictsListedMax);
}

/** What `hansa status` tells of them. */
export function conflictWarnings(parts: LaneParts): readonly ErrorReport[] {
  const open = listConflicts(parts, undefined);
  const resources = [...new Set(open.map(({ resource }) => resource))];
  return resources.map((resource) => {
    const count = open.filter((each) => each.resource === resource).length;
    return {
      code: 'CONFLICT',
      message: `${count} open conflict(s) of ${resource} wait for somebody to decide`,
      fix: `hansa conflict list --resource ${resource}`,
    };
  });
}

export async function resolveConflict(
  parts: LaneParts,
  given: { readonly id: string; readonly take: Take; readonly signal: AbortSignal },
): Promise<Conflict> {
  const { lane } = requireConflict(parts, given.id).value.conflict;
  return parts.oneAtATime.run(lane, () => resolveNow(parts, given));
}

async function resolveNow(
  parts: LaneParts,
  { id, take, signal }: Parameters<typeof resolveConflict>[1],
): Promise<Conflict> {
  const { conflict } = requireConflict(parts, id).value;
  const { lane, resource, key } = conflict;
  const view = await parts.mirrors.view(lane);
  if (view === undefined) {
    throw new HansaError('CONFLICT_NOT_FOUND', `the lane of ${id} is not here any more`);
  }
  const writer = splitFederatedId(lane).owner;
  const kind = laneKind(parts, splitLocalId(resource).kind);
  await kind.resolve({ resource, lane: view, writer, key, take, signal });
  const { tables } = parts;
  await write(parts, [
    take === 'theirs'
      ? tables.conflicts.delete([lane, id])
      : tables.conflicts.put([lane, id], { conflict, dismissed: conflict.theirs.version }),
  ]);
  parts.log.event('conflict.resolved', { id, take });
  return conflict;
}

function requireConflict(parts: LaneParts, id: string): Row<StoredConflict> {
  const row = [...parts.conflicts.rows.values()].find(
    ({ value }) => value.conflict.id === id && value.dismissed === undefined,
  );
  if (row === undefined) {
    throw new HansaError('CONFLICT_NOT_FOUND', `no open conflict is called ${id}`);
  }
  return row;
}
