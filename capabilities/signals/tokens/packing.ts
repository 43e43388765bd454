// MessagePack outbound, as far as what is signed in a capability token needs it: every number in
// its shortest form, as the published implementation writes them.
import { concatBytes, utf8 } from '@hansa/foundation';

export type Packed =
  | null
  | number
  | string
  | Uint8Array
  | readonly Packed[]
  | ReadonlyMap<string, Packed>;

export function pack(value: Packed): Uint8Array {
  if (value === null) {
    return Uint8Array.of(0xc0);
  }
  if (typeof value === 'number') {
    return packNumber(value);
  }
  if (typeof value === 'string') {
    const bytes = utf8(value);
    const { length } = bytes;
    const head =
      length < 0x20 ? [0xa0 | length] : length < 0x100 ? [0xd9, length] : wide(0xda, length);
    return concatBytes([Uint8Array.from(head), bytes]);
  }
  if (value instanceof Uint8Array) {
    const { length } = value;
    return concatBytes([
      Uint8Array.from(length < 0x100 ? [0xc4, length] : wide(0xc5, length)),
      value,
    ]);
  }
  if (value instanceof Map) {
    const entries = [...(value as ReadonlyMap<string, Packed>)];
    const parts = entries.flatMap(([key, item]) => [pack(key), pack(item)]);
    return concatBytes([packCount(entries.length, 0x80, 0xde), ...parts]);
  }
  const items = value as readonly Packed[];
  return concatBytes([packCount(items.length, 0x90, 0xdc), ...items.map(pack)]);
}

function packCount(count: number, short: number, long: number): Uint8Array {
  return Uint8Array.from(count < 0x10 ? [short | count] : wide(long, count));
}

/** With two bytes of length. */
function wide(head: number, length: number): readonly number[] {
  return [head, length >>> 8, length & 0xff];
}

/** Whole, and not below zero. */
function packNumber(value: number): Uint8Array {
  if (value < 0x80) {
    return Uint8Array.of(value);
  }
  const size = value < 0x100 ? 1 : value < 0x1_0000 ? 2 : value < 0x1_0000_0000 ? 4 : 8;
  const bytes = new Uint8Array(size + 1);
  bytes[0] = { 1: 0xcc, 2: 0xcd, 4: 0xce, 8: 0xcf }[size];
  let rest = value;
  for (let at = size; at > 0; at -= 1) {
    bytes[at] = rest % 0x100;
    rest = Math.floor(rest / 0x100);
  }
  return bytes;
}
