// The bytes that are hashed and signed, written after protocol/transcript.md alone: what two
// programs agree on must not come from one of them.
import { blake3 } from '@noble/hashes/blake3.js';

export type Field = Uint8Array | string | number;

/** Domain and fields, each behind four bytes of its length. */
export function layOut(domain: string, ...fields: readonly Field[]): Buffer {
  const parts = [domain, ...fields].map(asBytes);
  const out = Buffer.alloc(parts.reduce((sum, part) => sum + 4 + part.length, 0));
  let at = 0;
  for (const part of parts) {
    at = out.writeUInt32BE(part.length, at);
    out.set(part, at);
    at += part.length;
  }
  return out;
}

function asBytes(field: Field): Uint8Array {
  if (typeof field === 'string') {
    return Buffer.from(field, 'utf8');
  }
  if (typeof field === 'number') {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64BE(BigInt(field));
    return bytes;
  }
  return field;
}

export function hash(bytes: Uint8Array): Buffer {
  return Buffer.from(blake3(bytes));
}

export function hashOf(domain: string, ...fields: readonly Field[]): Buffer {
  return hash(layOut(domain, ...fields));
}
