// Reading a space, own or mirrored: one entry, or a page of them in the order of their keys.
import {
  compareBytes,
  emptyBytes,
  fromBase64Url,
  fromUtf8,
  HansaError,
  splitFederatedId,
  startsWith,
  toBase64Url,
  utf8,
  type Codec,
  type FederatedId,
} from '@hansa/foundation';
import type { ResourceEntry } from '../resources/contract.ts';
import {
  decodeCell,
  keyBytesMax,
  pageBytesMax,
  pageEntriesDefault,
  type Cell,
  type KvEntry,
  type KvPage,
} from './contract.ts';
import type { SpaceSource } from './finding.ts';
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

export async function readPage(
  codec: Codec,
  source: SpaceSource,
  asked: {
    readonly prefix?: string | undefined;
    readonly limit?: number | undefined;
    readonly cursor?: string | undefined;
  },
): Promise<KvPage> {
  const { prefix = '', limit = pageEntriesDefault, cursor } = asked;
  const after = cursor === undefined ? emptyBytes : readCursor(cursor);
  const entries: KvEntry[] = [];
  const { revision } = source;
  let bytes = 0;
  for await (const each of wanted(source, utf8(prefix), after)) {
    const entry = liveEntry(codec, source.resource, each);
    if (entry === undefined) {
      continue;
    }
    bytes += each.value.length;
    const last = entries.at(-1);
    if (last !== undefined && (entries.length >= limit || bytes > pageBytesMax)) {
      return { entries, cursor: toBase64Url(utf8(last.key)), revision };
    }
    entries.push(entry);
  }
  return { entries, revision };
}

async function* wanted(
  source: SpaceSource,
  prefix: Uint8Array,
  after: Uint8Array,
): AsyncIterable<ResourceEntry> {
  for await (const each of source.entries()) {
    if (startsWith(each.key, prefix) && compareBytes(each.key, after) > 0) {
      yield each;
    }
  }
}

function readCursor(cursor: string): Uint8Array {
  try {
    const key = fromBase64Url(cursor);
    fromUtf8(key);
    if (key.length > 0 && key.length <= keyBytesMax) {
      return key;
    }
  } catch {
    // Told below.
  }
  throw new HansaError('INPUT_INVALID', 'the cursor is none that a page came with');
}

function liveEntry(codec: Codec, resource: FederatedId, entry: ResourceEntry): KvEntry | undefined {
  const { value, version } = entry;
  const key = keyOf(entry.key);
  if (key === undefined) {
    return undefined; // the settings
  }
  const cell = decodeCell(codec, value, splitFederatedId(resource).owner);
  return cell.deleted ? undefined : shownEntry(key, version, cell);
}

export function shownEntry(key: string, version: number, cell: Cell): KvEntry {
  const { value, at, by } = cell;
  return { key, ...spellValue(value), version, writtenMs: at[0], writtenBy: by };
}
