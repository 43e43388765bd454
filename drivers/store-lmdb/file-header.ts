// A look at the first two pages before LMDB maps the file: on a file that is not its own, or was
// cut short, LMDB does not fail, it takes the process down. What lies deeper carries no checksums.
import { open, type FileHandle } from 'node:fs/promises';
import { HansaError } from '@hansa/foundation';

// Layout of a meta page in the LMDB that lmdb 3.5 brings, 64-bit, little-endian.
const flagsAt = 18;
const magicAt = 24;
const pageBytesAt = 48;
const rootsAt = [88, 136] as const; // of the free list and of the tree
const metaBytes = 160;
const metaFlag = 0x08;
const magic = 0xbeefc0de;
const noRoot = 0xffff_ffff_ffff_ffffn; // an empty tree has none

/** STORE_DAMAGED where the file cannot be a store; a file that is missing or empty is a new one. */
export async function checkHeader(file: string): Promise<void> {
  let handle: FileHandle;
  try {
    handle = await open(file, 'r');
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') {
      return;
    }
    throw error;
  }
  try {
    const { size } = await handle.stat();
    if (size > 0) {
      await checkMetas(handle, size);
    }
  } finally {
    await handle.close();
  }
}

async function checkMetas(handle: FileHandle, size: number): Promise<void> {
  const first = await readMeta(handle, 0);
  const pageBytes = first.readUInt32LE(pageBytesAt);
  checkMeta(first, size, pageBytes);
  checkMeta(await readMeta(handle, pageBytes), size, pageBytes);
}

async function readMeta(handle: FileHandle, position: number): Promise<Buffer> {
  const meta = Buffer.alloc(metaBytes);
  await handle.read(meta, 0, metaBytes, position);
  return meta;
}

function checkMeta(meta: Buffer, size: number, pageBytes: number): void {
  const isMeta = (meta.readUInt16LE(flagsAt) & metaFlag) !== 0;
  const isOurs = isMeta && meta.readUInt32LE(magicAt) === magic;
  const inside = rootsAt.every((at) => {
    const root = meta.readBigUInt64LE(at);
    return root === noRoot || root * BigInt(pageBytes) < BigInt(size);
  });
  if (!isOurs || !inside) {
    const what = isOurs ? 'was cut short' : 'is not an LMDB file';
    throw new HansaError('STORE_DAMAGED', `the store's file ${what}`, {
      fix: 'restore the data folder from a backup',
    });
  }
}
