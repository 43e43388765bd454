// The one way bytes are laid out before they are hashed or signed: a domain, then fields, each with
// its length, so that no two different lists of fields give the same bytes and no proof serves two
// purposes. Layout: for the domain and then each field, u32 big-endian length, then the bytes.
// Numbers are u64 big-endian; text is UTF-8. Vectors: protocol/vectors/transcript.json.
import { emptyBytes, utf8 } from './bytes.ts';

export type TranscriptField = Uint8Array | string | number;

const lengthBytes = 4;
const numberBytes = 8;

/**
 * `domain` names purpose and version, e.g. `hansa/head/1`. Numbers are safe non-negative integers.
 */
export function transcript(domain: string, fields: readonly TranscriptField[]): Uint8Array {
  // Into one piece of memory: everything that is hashed goes through here.
  const name = utf8(domain);
  const texts: Uint8Array[] = [];
  let length = lengthBytes + name.length;
  for (const field of fields) {
    length += lengthBytes + sizeOf(field, texts);
  }
  const whole = new Uint8Array(length);
  const view = new DataView(whole.buffer);
  let at = putBytes(whole, view, { at: 0, bytes: name });
  let text = 0;
  for (const field of fields) {
    if (typeof field === 'number') {
      view.setUint32(at, numberBytes);
      view.setUint32(at + lengthBytes, Math.floor(field / 2 ** 32));
      view.setUint32(at + lengthBytes + 4, field % 2 ** 32);
      at += lengthBytes + numberBytes;
      continue;
    }
    const bytes = typeof field === 'string' ? (texts[text] ?? emptyBytes) : field;
    text += typeof field === 'string' ? 1 : 0;
    at = putBytes(whole, view, { at, bytes });
  }
  return whole;
}

function sizeOf(field: TranscriptField, texts: Uint8Array[]): number {
  if (typeof field === 'number') {
    if (!Number.isSafeInteger(field) || field < 0) {
      throw new RangeError(`a transcript number is a safe non-negative integer, not ${field}`);
    }
    return numberBytes;
  }
  if (typeof field !== 'string') {
    return field.length;
  }
  const bytes = utf8(field);
  texts.push(bytes);
  return bytes.length;
}

function putBytes(
  whole: Uint8Array,
  view: DataView,
  { at, bytes }: { readonly at: number; readonly bytes: Uint8Array },
): number {
  view.setUint32(at, bytes.length);
  whole.set(bytes, at + lengthBytes);
  return at + lengthBytes + bytes.length;
}
