// Reading a space, own or mirrored: one entry, some of them, or a page in the order of their keys.
import {
  compareBytes,
  fromBase64Url,
  HansaError,
  isHansaError,
  prefixEnd,
  splitFederatedId,
  storeLimits,
  toBase64Url,
  utf8,
  type Codec,
  type FederatedId,
  type RowRange,
} from '@hansa/foundation';
import { z } from 'zod';
import type { DatedEntry } from '../resources/contract.ts';
import {
  decodeCell,
  keySchema,
  pageBytesMax,
  pageEntriesDefault,
  type Cell,
  type KvEntry,
  type KvPage,
} from './contract.ts';
import { sourceOf, type FindingNeeds, type SpaceSource } from './finding.ts';
import { entryKey, keyOf } from './keys.ts';
import { spellValue } from './value-text.ts';

/** Undefined where the key is not there, or is only remembered as deleted. */
export async function readEntry(
  codec: Codec,
  source: SpaceSource,
  key: string,
): Promise<KvEntry | undefined> {
  const entry = await source.entry(entryKey(key));
  return entry === undefined ? undefined : liveEntry(codec, source.resource, entry);
}

/** In the order asked, all of one state; null for what is not there. */
export async function readEntries(
  codec: Codec,
  source: SpaceSource,
  keys: readonly string[],
): Promise<{ readonly entries: readonly (KvEntry | null)[]; readonly revision: number }> {
  const entries: (KvEntry | null)[] = [];
  let bytes = 0;
  for (const key of keys) {
    const entry = await source.entry(entryKey(key));
    bytes += entry?.value.length ?? 0;
    if (entries.length > 0 && bytes > pageBytesMax) {
      throw new HansaError('INPUT_TOO_LARGE', `these keys hold more than ${pageBytesMax} bytes`, {
        fix: 'read fewer keys at once',
        facts: { bytesMax: pageBytesMax },
      });
    }
    entries.push((entry && liveEntry(codec, source.resource, entry)) ?? null);
  }
  return { entries, revision: source.revision };
}

export interface PageAsked {
  readonly prefix?: string | undefined;
  readonly start?: string | undefined;
  readonly end?: string | undefined;
  readonly reverse?: boolean | undefined;
  readonly keysOnly?: boolean | undefined;
  readonly limit?: number | undefined;
  readonly cursor?: string | undefined;
}

export async function readPage(
  needs: FindingNeeds,
  resource: FederatedId,
  asked: PageAsked,
): Promise<KvPage> {
  const { cursor } = asked;
  if (cursor === undefined) {
    return pageOf(needs.codec, await sourceOf(needs, resource), asked);
  }
  const { pinned, after } = readCursor(needs.codec, cursor);
  try {
    const source = await sourceOf(needs, resource, pinned);
    return await pageOf(needs.codec, source, { ...asked, after });
  } catch (error) {
    throw cursorError(error);
  }
}

function cursorError(error: unknown): unknown {
  if (isHansaError(error, 'STORE_COMPACTED')) {
    return new HansaError('CURSOR_GONE', 'the state that the first page showed is not kept', {
      cause: error,
    });
  }
  return isHansaError(error, 'STORE_FUTURE_REVISION') ? foreignCursor(error) : error;
}

/** A question, and the last key that was shown of its answer. */
interface PageFurther extends PageAsked {
  readonly after?: string;
}

async function pageOf(codec: Codec, source: SpaceSource, asked: PageFurther): Promise<KvPage> {
  const { limit = pageEntriesDefault, keysOnly = false } = asked;
  const entries: KvEntry[] = [];
  const { revision, pinned } = source;
  let bytes = 0;
  for await (const each of source.entries(rangeOf(asked))) {
    const entry = liveEntry(codec, source.resource, each);
    if (entry === undefined) {
      continue;
    }
    bytes += keysOnly ? 0 : each.value.length;
    const last = entries.at(-1);
    if (last !== undefined && (entries.length >= limit || bytes > pageBytesMax)) {
      return { entries, cursor: writeCursor(codec, { pinned, after: last.key }), revision };
    }
    entries.push(keysOnly ? withoutValue(entry) : entry);
  }
  return { entries, revision };
}

function withoutValue({ text: _text, base64: _base64, ...rest }: KvEntry): KvEntry {
  return rest;
}

/** What is in the prefix and between the bounds, and beyond what was shown. */
function rangeOf(asked: PageFurther): RowRange {
  const { prefix = '', reverse = false, limit = pageEntriesDefault, after } = asked;
  const under = utf8(prefix);
  const starts = [under, ...[asked.start].flatMap(bytesOf)];
  const ends = [prefixEnd(under), ...[asked.end].flatMap(bytesOf)].filter(
    (each) => each !== undefined,
  );
  if (after !== undefined && reverse) {
    ends.push(utf8(after));
  } else if (after !== undefined) {
    starts.push(utf8(`${after}\u0000`)); // the first key after it: no key has a zero in it
  }
  const start = starts.toSorted(compareBytes).at(-1);
  const end = ends.toSorted(compareBytes).at(0);
  const readAtOnce = Math.min(limit + 1, storeLimits.scanEntriesMax);
  return { start, end, reverse, readAtOnce };
}

function bytesOf(key: string | undefined): Uint8Array[] {
  return key === undefined ? [] : [utf8(key)];
}

interface Cursor {
  readonly pinned: number;
  readonly after: string;
}

const cursorSchema = z.tuple([z.number().int().nonnegative(), keySchema]);

function writeCursor(codec: Codec, { pinned, after }: Cursor): string {
  return toBase64Url(codec.encode([pinned, after]));
}

function readCursor(codec: Codec, cursor: string): Cursor {
  try {
    const [pinned, after] = cursorSchema.parse(codec.decode(fromBase64Url(cursor)));
    return { pinned, after };
  } catch (error) {
    throw foreignCursor(error);
  }
}

function foreignCursor(cause: unknown): HansaError {
  return new HansaError('INPUT_INVALID', 'the cursor is none that a page came with', { cause });
}

function liveEntry(codec: Codec, resource: FederatedId, entry: DatedEntry): KvEntry | undefined {
  const { value, version, made, written } = entry;
  const key = keyOf(entry.key);
  if (key === undefined) {
    return undefined; // the settings
  }
  const cell = decodeCell(codec, value, splitFederatedId(resource).owner);
  return cell.deleted ? undefined : shownEntry(key, cell, { version, made, written });
}

export interface Dated {
  readonly version: number;
  readonly made?: number | undefined;
  readonly written?: number | undefined;
}

export function shownEntry(key: string, cell: Cell, { version, made, written }: Dated): KvEntry {
  const { value, at, by, lease } = cell;
  return {
    key,
    ...spellValue(value),
    version,
    writtenMs: at[0],
    writtenBy: by,
    ...(made === undefined || written === undefined
      ? {}
      : { createRevision: made, modRevision: written }),
    ...(lease === undefined ? {} : { lease }),
  };
}
