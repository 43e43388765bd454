// The one way bytes are laid out before they are hashed or signed: a domain, then fields, each with
// its length, so that no two different lists of fields give the same bytes and no proof serves two
// purposes. Layout: for the domain and then each field, u32 big-endian length, then the bytes.
// Numbers are u64 big-endian; text is UTF-8. Vectors: protocol/vectors/transcript.json.
import { emptyBytes, utf8 } from './bytes.ts';
import type { Crypto } from './crypto.ts';

export type TranscriptField = Uint8Array | string | number;

const lengthBytes = 4;
const numberBytes = 8;

/** By domain, its length and its bytes: as many as the code has domains. */
const beginnings = new Map<string, Uint8Array>();

// What is hashed at once is laid out in one memory again and again: it is done with before anybody
// else can ask. Longer ones are rare, and would be kept for nothing.
const scratch = new Uint8Array(4_096);
const scratchView = new DataView(scratch.buffer);

/**
 * `domain` names purpose and version, e.g. `hansa/head/1`. Numbers are safe non-negative integers.
 */
export function transcript(domain: string, fields: readonly TranscriptField[]): Uint8Array {
  const { length, texts } = measure(domain, fields);
  const whole = new Uint8Array(length);
  layOut(domain, fields, { whole, view: new DataView(whole.buffer), texts });
  return whole;
}

/** BLAKE3 of the transcript: 32 bytes. */
export function hashTranscript(
  crypto: Pick<Crypto, 'hash'>,
  domain: string,
  fields: readonly TranscriptField[],
): Uint8Array {
  const { length, texts } = measure(domain, fields);
  if (length > scratch.length) {
    return crypto.hash(transcript(domain, fields));
  }
  layOut(domain, fields, { whole: scratch, view: scratchView, texts });
  return crypto.hash(scratch.subarray(0, length));
}

interface Measured {
  readonly length: number;
  /** The text fields as bytes, in their order. */
  readonly texts: readonly Uint8Array[];
}

function measure(domain: string, fields: readonly TranscriptField[]): Measured {
  const texts: Uint8Array[] = [];
  let { length } = beginningOf(domain);
  for (const field of fields) {
    length += lengthBytes + sizeOf(field, texts);
  }
  return { length, texts };
}

interface Into extends Pick<Measured, 'texts'> {
  readonly whole: Uint8Array;
  readonly view: DataView;
}

function layOut(
  domain: string,
  fields: readonly TranscriptField[],
  { whole, view, texts }: Into,
): void {
  const beginning = beginningOf(domain);
  whole.set(beginning);
  let at = beginning.length;
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
}

function beginningOf(domain: string): Uint8Array {
  const known = beginnings.get(domain);
  if (known !== undefined) {
    return known;
  }
  const bytes = utf8(domain);
  const beginning = new Uint8Array(lengthBytes + bytes.length);
  putBytes(beginning, new DataView(beginning.buffer), { at: 0, bytes });
  beginnings.set(domain, beginning);
  return beginning;
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
