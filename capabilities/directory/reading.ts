// Reading directories out of the log of our own and out of mirrors, as they stand at one position.
import {
  fromUtf8,
  splitFederatedId,
  type ClusterId,
  type Codec,
  type FederatedId,
  type Log,
} from '@hansa/foundation';
import type { ResourceEntry, ResourceLog, SequencedChange } from '../resources/contract.ts';
import type { Mirrors } from '../sync/contract.ts';
import type { DirectoryEntry } from './entries.ts';
import { readEntry } from './keys.ts';

export interface ReadingNeeds {
  readonly codec: Codec;
  readonly resources: ResourceLog;
  readonly mirrors: Mirrors;
  readonly log: Log;
}

/** One directory as it stood at a position of its log. */
export interface HeldDirectory {
  readonly resource: FederatedId;
  readonly owner: ClusterId;
  readonly name: string;
  readonly epoch: number;
  readonly sequence: number;
  /** By `<type>/<name>`, in no particular order. */
  readonly entries: ReadonlyMap<string, HeldEntry>;
}

export interface HeldEntry {
  readonly version: number;
  readonly bytes: number;
  readonly entry: DirectoryEntry;
}

const unread = 0; // of what a change brought: an entry's own version begins at 1
const readsMax = 5; // of a log that moves while it is read: then a change follows anyway

/** The same object where nothing has changed; undefined where there is none. */
export async function readOwn(
  needs: ReadingNeeds,
  resource: FederatedId,
  before: HeldDirectory | undefined,
): Promise<HeldDirectory | undefined> {
  const { local } = splitFederatedId(resource);
  const pointNow = (): Point | undefined =>
    needs.resources.find(local) === undefined ? undefined : needs.resources.point(local);
  for (let reading = 1; ; reading += 1) {
    const point = pointNow();
    if (point === undefined || isAt(before, point)) {
      return point === undefined ? undefined : before;
    }
    const read = await readOwnAt(needs, { resource, point, before });
    // Whoever writes on top of it has to know where it stood.
    if (reading >= readsMax || pointNow()?.sequence === read.sequence) {
      return read;
    }
  }
}

interface Reading {
  readonly resource: FederatedId;
  readonly point: Point;
  readonly before: HeldDirectory | undefined;
}

async function readOwnAt(needs: ReadingNeeds, reading: Reading): Promise<HeldDirectory> {
  const { before, point, resource } = reading;
  const changed = before?.epoch === point.epoch ? await readChanges(needs, before) : undefined;
  const { local } = splitFederatedId(resource);
  return changed ?? readAll(needs, reading, needs.resources.entries(local));
}

/** What was written since; undefined where that is not kept, or no longer fits what is held. */
async function readChanges(
  { resources, codec }: ReadingNeeds,
  before: HeldDirectory,
): Promise<HeldDirectory | undefined> {
  const { resource, epoch } = before;
  const { local } = splitFederatedId(resource);
  if ((await resources.keptAfter(local)) > before.sequence) {
    return undefined;
  }
  const entries = new Map(before.entries);
  let { sequence } = before;
  for await (const next of resources.changes(local, { epoch, sequence })) {
    if (!isWritten(codec, entries, next)) {
      return undefined;
    }
    ({ sequence } = next);
  }
  return { ...before, sequence, entries };
}

/** Whether all of a change could be read; what could is written. */
function isWritten(
  codec: Codec,
  entries: Map<string, HeldEntry>,
  { change }: SequencedChange,
): boolean {
  return change.ops.every((op) => {
    if ('delete' in op) {
      entries.delete(fromUtf8(op.delete.key));
      return true;
    }
    const { key, value } = op.put;
    const entry = readable(codec, op.put);
    if (entry !== undefined) {
      const bytes = key.length + value.length;
      entries.set(fromUtf8(key), { version: unread, bytes, entry });
    }
    return entry !== undefined;
  });
}

/**
 * A mirror after the changes of a batch, without reading what they left alone; undefined where they
 * do not lead from what is held to what is applied, as a repair does not.
 */
export function readBrought(
  { mirrors, codec }: ReadingNeeds,
  before: HeldDirectory,
  changes: readonly SequencedChange[],
): HeldDirectory | undefined {
  const applied = mirrors.find(before.resource)?.applied;
  const first = changes[0]?.change.previous;
  const end = applied && first !== undefined && endOf(changes, applied.epoch, first);
  if (applied === undefined || end !== applied.sequence || before.epoch !== applied.epoch) {
    return undefined;
  }
  // Whoever follows the mirror may have brought it here before the batch was committed.
  if (before.sequence === end) {
    return before;
  }
  const entries = new Map(before.entries);
  const fits =
    before.sequence === first && changes.every((each) => isWritten(codec, entries, each));
  return fits ? { ...before, sequence: end, entries } : undefined;
}

/** Where changes of the epoch lead from there, each after the one before it. */
function endOf(
  changes: readonly SequencedChange[],
  epoch: number,
  from: number,
): number | undefined {
  return changes.reduce<number | undefined>(
    (at, { sequence, change }) =>
      change.epoch === epoch && change.previous === at && sequence > change.previous
        ? sequence
        : undefined,
    from,
  );
}

function readable(
  codec: Codec,
  stored: { readonly key: Uint8Array; readonly value: Uint8Array },
): DirectoryEntry | undefined {
  try {
    return readEntry(codec, stored);
  } catch {
    return undefined;
  }
}

export async function readMirror(
  needs: ReadingNeeds,
  resource: FederatedId,
  before: HeldDirectory | undefined,
): Promise<HeldDirectory | undefined> {
  const { mirrors } = needs;
  const applied = mirrors.find(resource)?.applied;
  if (applied === undefined || isAt(before, applied)) {
    return applied === undefined ? undefined : before;
  }
  const view = await mirrors.view(resource);
  // What moves while it is read is told again by whoever moves it.
  return view === undefined
    ? undefined
    : readAll(needs, { resource, point: applied, before }, view.entries());
}

interface Point {
  readonly epoch: number;
  readonly sequence: number;
}

function isAt(held: HeldDirectory | undefined, { epoch, sequence }: Point): boolean {
  return held?.epoch === epoch && held.sequence === sequence;
}

async function readAll(
  { codec, log }: ReadingNeeds,
  { resource, point, before }: Reading,
  stored: AsyncIterable<ResourceEntry>,
): Promise<HeldDirectory> {
  const { owner, name } = splitFederatedId(resource);
  const { epoch, sequence } = point;
  const known = before?.epoch === epoch ? before.entries : undefined;
  const entries = new Map<string, HeldEntry>();
  for await (const { key, value, version } of stored) {
    try {
      const text = fromUtf8(key);
      const same = known?.get(text);
      const isSame = same?.version === version;
      const bytes = key.length + value.length;
      entries.set(
        text,
        isSame ? same : { version, bytes, entry: readEntry(codec, { key, value }) },
      );
    } catch (error) {
      // Of an own one that was damaged, or brought back from elsewhere: it lets nobody in.
      log.problem('directory.entry-unread', error, { resource });
    }
  }
  return { resource, owner, name, epoch, sequence, entries };
}
