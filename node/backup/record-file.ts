// The store in a file: a line that says what it is, then frames of four bytes of length and as many
// of a record, then a length of zero. The manifest has the digest of all of it.
import { createReadStream } from 'node:fs';
import { open, type FileHandle } from 'node:fs/promises';
import {
  concatBytes,
  HansaError,
  toHex,
  utf8,
  type Codec,
  type Crypto,
  type Entry,
  type LeaseId,
  type Sealer,
} from '@hansa/foundation';
import { z } from 'zod';

const head: Uint8Array = utf8('hansa-store/1\n');
const frameBytesMax = 1_024 * 1_024; // a record is a key, a value of half that, and a few numbers
const writtenAtOnce: number = 1_024 * 1_024;

/** What a frame says. Leases come before the entries that have them. */
export type BackupRecord =
  | { readonly lease: LeaseId; readonly ttlSeconds: number }
  | { readonly entry: Entry };

export interface RecordFileNeeds {
  readonly path: string;
  readonly crypto: Crypto;
  readonly codec: Codec;
  readonly sealer: Sealer | undefined;
}

const bytes = z.instanceof(Uint8Array);
const natural = z.number().int().nonnegative();
const frame = z.union([
  z.tuple([z.literal('lease'), z.string(), natural]),
  z.tuple([z.literal('entry'), bytes, bytes, natural, natural, natural, z.string().nullable()]),
]);

/** A new file, on the disk when it resolves. */
export async function writeRecords(
  { path, crypto, codec, sealer }: RecordFileNeeds,
  records: AsyncIterable<BackupRecord>,
): Promise<{ readonly bytes: number; readonly digest: string; readonly records: number }> {
  const file = await open(path, 'w', 0o600);
  const hasher = crypto.hasher();
  let [written, count] = [0, 0];
  let pieces: Uint8Array[] = [];
  let waiting = 0;
  const flush = async (): Promise<void> => {
    const all = concatBytes(pieces);
    pieces = [];
    waiting = 0;
    hasher.update(all);
    await file.writeFile(all);
    written += all.length;
  };
  const add = async (piece: Uint8Array): Promise<void> => {
    pieces.push(piece);
    waiting += piece.length;
    if (waiting >= writtenAtOnce) {
      await flush();
    }
  };
  try {
    await add(head);
    for await (const record of records) {
      const plain = codec.encode(packed(record));
      const sealed = sealer?.seal(contextOf(count), plain) ?? plain;
      await add(lengthOf(sealed));
      await add(sealed);
      count += 1;
    }
    await add(lengthOf(new Uint8Array(0)));
    await flush();
    await file.sync();
  } finally {
    await file.close();
  }
  return { bytes: written, digest: toHex(hasher.digest()), records: count };
}

function packed(record: BackupRecord): readonly unknown[] {
  if ('lease' in record) {
    return ['lease', record.lease, record.ttlSeconds];
  }
  const { key, value, version, createRevision, modRevision, lease = null } = record.entry;
  return ['entry', key, value, version, createRevision, modRevision, lease];
}

/** Where a frame lies, so that sealed ones cannot be moved about. */
function contextOf(index: number): Uint8Array {
  return utf8(`backup/store/${index}`);
}

function lengthOf(piece: Uint8Array): Uint8Array {
  const length = new Uint8Array(4);
  new DataView(length.buffer).setUint32(0, piece.length);
  return length;
}

/** The records as they were written; BACKUP_INVALID where the file is none, or ends early. */
export async function* readRecords({
  path,
  codec,
  sealer,
}: Omit<RecordFileNeeds, 'crypto'>): AsyncIterable<BackupRecord> {
  const source = createByteSource(path);
  try {
    const first = await source.take(head.length);
    if (!first.every((byte, at) => byte === head[at])) {
      throw invalid(path, 'is no store of a backup');
    }
    for (let index = 0; ; index += 1) {
      const length = new DataView((await source.take(4)).slice().buffer).getUint32(0);
      if (length === 0) {
        return;
      }
      if (length > frameBytesMax) {
        throw invalid(path, 'holds a record that is too large');
      }
      const found = await source.take(length);
      yield unpacked(path, codec.decode(sealer?.open(contextOf(index), found) ?? found));
    }
  } finally {
    await source.close();
  }
}

function unpacked(path: string, value: unknown): BackupRecord {
  const parsed = frame.safeParse(value);
  if (!parsed.success) {
    throw invalid(path, 'holds a record that is none');
  }
  const found = parsed.data;
  if (found[0] === 'lease') {
    return { lease: found[1], ttlSeconds: found[2] };
  }
  const [, key, value_, version, createRevision, modRevision, lease] = found;
  const entry = { key, value: value_, version, createRevision, modRevision };
  return { entry: lease === null ? entry : { ...entry, lease } };
}

function invalid(path: string, what: string): HansaError {
  return new HansaError('BACKUP_INVALID', `${path} ${what}`);
}

interface ByteSource {
  /** Exactly so many; BACKUP_INVALID where there are fewer. */
  take(count: number): Promise<Uint8Array>;
  close(): Promise<void>;
}

function createByteSource(path: string): ByteSource {
  let handle: FileHandle | undefined;
  let held: Uint8Array<ArrayBufferLike> = new Uint8Array(0);
  const more = async (least: number): Promise<void> => {
    handle ??= await open(path, 'r');
    const space = new Uint8Array(Math.max(least, writtenAtOnce));
    const { bytesRead } = await handle.read(space, 0, space.length);
    if (bytesRead === 0) {
      throw invalid(path, 'ends early');
    }
    held = concatBytes([held, space.subarray(0, bytesRead)]);
  };
  return {
    async take(count) {
      while (held.length < count) {
        await more(count - held.length);
      }
      const taken = held.slice(0, count);
      held = held.subarray(count);
      return taken;
    },
    close: async () => handle?.close(),
  };
}

/** BLAKE3 of a file and its size. */
export async function digestOfFile(
  crypto: Crypto,
  path: string,
): Promise<{ readonly bytes: number; readonly digest: string }> {
  const hasher = crypto.hasher();
  let size = 0;
  for await (const piece of createReadStream(path)) {
    const chunk: unknown = piece;
    if (chunk instanceof Uint8Array) {
      hasher.update(chunk);
      size += chunk.length;
    }
  }
  return { bytes: size, digest: toHex(hasher.digest()) };
}
