// The past of a store: reading keys as they were at a revision, in pages that keep to it, and
// forgetting what is too old. A key's states form a chain through the log; a walk back follows it.
import { concatBytes, emptyBytes, fromHex, toHex } from '../bytes.ts';
import { HansaError, invariant } from '../errors.ts';
import { byteRange, scanLimit } from './rules.ts';
import type { ByteRange, KeyState, LoggedEvent, LoggedRevision, Shelf } from './shelf.ts';
import {
  storeLimits,
  type Entry,
  type KeyRange,
  type Revision,
  type ScanOptions,
  type ScanPage,
} from './store.ts';

// one transaction's worth: callers wait at most this long
export const compactionStepRevisions = 256;

function sameKey(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && a.every((byte, index) => byte === b[index]);
}

function eventAt(shelf: Shelf, revision: Revision, key: Uint8Array): LoggedEvent | undefined {
  return shelf.logged(revision)?.events.find((event) => sameKey(event.key, key));
}

/** What a key was before an event: the log has it, or had lost it already when the event came. */
export function entryBefore(shelf: Shelf, event: LoggedEvent): Entry | null {
  if (event.before === 0 || event.prev !== undefined) {
    return event.prev ?? null;
  }
  // A tombstone that was compacted away means the same as nothing.
  return eventAt(shelf, event.before, event.key)?.entry ?? null;
}

/** The entry a key had at a revision that is not compacted: the log has every step to there. */
export function entryAt(shelf: Shelf, state: KeyState | undefined, at: Revision): Entry | null {
  if (state === undefined || state.revision <= at) {
    return state?.entry ?? null;
  }
  let revision = state.revision;
  for (;;) {
    const event = eventAt(shelf, revision, state.key);
    invariant(event !== undefined, 'the log has every revision that is not compacted');
    if (event.before <= at) {
      return entryBefore(shelf, event);
    }
    revision = event.before;
  }
}

export interface Cursor {
  readonly revision: Revision;
  readonly after: Uint8Array;
}

export function writeCursor(cursor: Cursor): string {
  return `${cursor.revision}.${toHex(cursor.after)}`;
}

export function readCursor(text: string): Cursor {
  const match = /^(\d{1,16})\.((?:[0-9a-f]{2})+)$/.exec(text);
  if (match === null) {
    throw new HansaError('INPUT_INVALID', 'this cursor was not given by a scan');
  }
  return { revision: Number(match[1]), after: fromHex(match[2] ?? '') };
}

/** What of the range lies beyond the key that the page before ended with. */
function beyond(range: ByteRange, after: Uint8Array | undefined, reverse: boolean): ByteRange {
  if (after === undefined) {
    return range;
  }
  return reverse
    ? { start: range.start, end: after }
    : { start: concatBytes([after, Uint8Array.of(0)]), end: range.end };
}

/** One page at a revision; ends at the limit of entries or of bytes, with at least one entry. */
export function scanAt(
  shelf: Shelf,
  range: KeyRange,
  options: ScanOptions & { readonly revision: Revision },
): ScanPage {
  const { revision, reverse = false, keysOnly = false } = options;
  const limit = scanLimit(options);
  const after = options.cursor === undefined ? undefined : readCursor(options.cursor).after;
  const entries: Entry[] = [];
  let bytes = 0;
  for (const state of shelf.states(beyond(byteRange(range), after, reverse), reverse)) {
    const found = entryAt(shelf, state, revision);
    if (found === null) {
      continue;
    }
    const entry = keysOnly ? { ...found, value: emptyBytes } : found;
    bytes += entry.key.length + entry.value.length;
    const last = entries.at(-1);
    if (last !== undefined && (entries.length === limit || bytes > storeLimits.scanBytesMax)) {
      return { entries, revision, cursor: writeCursor({ revision, after: last.key }) };
    }
    entries.push(entry);
  }
  return { entries, revision };
}

/** Forgets one event of an older revision, and the revision with its last event. */
function forget(shelf: Shelf, revision: Revision, key: Uint8Array): void {
  const logged = shelf.logged(revision);
  if (logged !== undefined) {
    keepOnly(
      shelf,
      logged,
      logged.events.filter((event) => !sameKey(event.key, key)),
    );
  }
}

function keepOnly(shelf: Shelf, logged: LoggedRevision, events: readonly LoggedEvent[]): void {
  if (events.length === 0) {
    shelf.dropLogged(logged.revision);
  } else if (events.length < logged.events.length) {
    shelf.putLogged({ ...logged, events });
  }
}

/**
 * Whether a compacted event must stay: it was superseded, so a walk back from what superseded it
 * may still end here. The newest of a key may go, because whatever supersedes it will take it
 * along.
 */
function stays(shelf: Shelf, revision: Revision, { key, entry }: LoggedEvent): boolean {
  const isNewest = shelf.state(key)?.revision === revision;
  if (isNewest && entry === null) {
    shelf.dropState(key);
  }
  return !isNewest && entry !== null;
}

/**
 * Compacts a bounded step towards `target`, but nothing committed after `youngestMs`. Returns the
 * revision reached. A superseded entry is forgotten together with the event that superseded it.
 */
export function compactStep(shelf: Shelf, target: Revision, youngestMs: number): Revision {
  const step: LoggedRevision[] = [];
  let reached = target;
  for (const logged of shelf.loggedFrom(shelf.compacted() + 1)) {
    if (logged.revision > target) {
      break;
    }
    if (logged.atMs > youngestMs || step.length >= compactionStepRevisions) {
      reached = step.at(-1)?.revision ?? shelf.compacted();
      break;
    }
    step.push(logged);
  }
  for (const logged of step) {
    for (const { key, before, prev } of logged.events) {
      if (before > 0 && prev === undefined) {
        forget(shelf, before, key);
      }
    }
    keepOnly(
      shelf,
      logged,
      logged.events.filter((event) => stays(shelf, logged.revision, event)),
    );
  }
  shelf.setCompacted(reached);
  return reached;
}
