// The one way bytes are laid out before they are hashed or signed: a domain, then fields, each with
// its length, so that no two different lists of fields give the same bytes and no proof serves two
// purposes. Layout: for the domain and then each field, u32 big-endian length, then the bytes.
// Numbers are u64 big-endian; text is UTF-8. Vectors: protocol/vectors/transcript.json.
import { concatBytes, utf8 } from './bytes.ts';

export type TranscriptField = Uint8Array | string | number;

/**
 * `domain` names purpose and version, e.g. `hansa/head/1`. Numbers are safe non-negative integers.
 */
export function transcript(domain: string, fields: readonly TranscriptField[]): Uint8Array {
  const parts: Uint8Array[] = [];
  for (const field of [domain, ...fields]) {
    const bytes = fieldBytes(field);
    parts.push(u32(bytes.length), bytes);
  }
  return concatBytes(parts);
}

function fieldBytes(field: TranscriptField): Uint8Array {
  if (typeof field === 'string') {
    return utf8(field);
  }
  return typeof field === 'number' ? u64(field) : field;
}

function u32(value: number): Uint8Array {
  const bytes = new Uint8Array(4);
  new DataView(bytes.buffer).setUint32(0, value);
  return bytes;
}

function u64(value: number): Uint8Array {
  if (!Number.isSafeInteger(value) || value < 0) {
    throw new RangeError(`a transcript number is a safe non-negative integer, not ${value}`);
  }
  const bytes = new Uint8Array(8);
  new DataView(bytes.buffer).setBigUint64(0, BigInt(value));
  return bytes;
}
