// A checksum around every record: LMDB has none, and what a disk has changed would be read as if it
// had been written. It covers the key as well, so that a record is sound only where it was put.
// Sealed records need none: they do not open where a bit has changed.
import { crc32 } from 'node:zlib';
import { HansaError } from '@hansa/foundation';

// No packed list begins with it, and nothing that is sealed: what older releases wrote can be told
// from what is checked, and stays readable.
const checkedMark = 0xc2;
const markBytes = 1;
const sumBytes = 4; // CRC-32 finds every single flipped bit, and of larger damage all but 1 in 2^32

export function checked(key: Uint8Array, value: Uint8Array): Buffer {
  const record = Buffer.allocUnsafe(markBytes + sumBytes + value.length);
  record[0] = checkedMark;
  record.writeUInt32LE(crc32(value, crc32(key)), markBytes);
  record.set(value, markBytes + sumBytes);
  return record;
}

/** What was put there; STORE_DAMAGED where the disk has changed it. */
export function unchecked(key: Uint8Array, record: Buffer): Buffer {
  if (record[0] !== checkedMark) {
    return record; // of an older release
  }
  const value = record.subarray(markBytes + sumBytes);
  const isWhole = record.length >= markBytes + sumBytes;
  if (!isWhole || record.readUInt32LE(markBytes) !== crc32(value, crc32(key))) {
    throw new HansaError('STORE_DAMAGED', 'a stored record is not what was written', {
      fix: 'hansa scrub --repair',
    });
  }
  return value;
}
