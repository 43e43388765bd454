// Tuples as people type them: JSON, where whole numbers are integers and others doubles; what JSON
// has no word for is an object with one name.
import {
  fromBase64,
  fromHex,
  HansaError,
  toBase64Url,
  toHex,
  type TupleValue,
} from '@hansa/foundation';

/** INPUT_INVALID where it is no JSON list, or a part of it is no part of a tuple. */
export function readTuple(text: string): readonly TupleValue[] {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw new HansaError('INPUT_INVALID', `"${text}" is no JSON`, { cause, fix: example });
  }
  if (!Array.isArray(parsed)) {
    throw new HansaError('INPUT_INVALID', 'a tuple is a JSON list', { fix: example });
  }
  return parsed.map(readPart);
}

const example = `hansa kv key '["anna", 12, {"uuid": "…"}]'`;

function readPart(part: unknown): TupleValue {
  if (part === null || typeof part === 'boolean' || typeof part === 'string') {
    return part;
  }
  if (typeof part === 'number') {
    return Number.isSafeInteger(part) ? part : { double: part };
  }
  if (Array.isArray(part)) {
    return part.map(readPart);
  }
  return readNamed(part as Readonly<Record<string, unknown>>);
}

function readNamed(part: Readonly<Record<string, unknown>>): TupleValue {
  const [entry, ...more] = Object.entries(part);
  const [name, value] = entry ?? [];
  const text = String(value);
  try {
    const read = more.length === 0 && name !== undefined ? readers[name] : undefined;
    if (read !== undefined) {
      return read(text, value);
    }
  } catch (cause) {
    throw new HansaError('INPUT_INVALID', `"${text}" is no ${name ?? 'part'}`, { cause });
  }
  throw new HansaError('INPUT_INVALID', `${JSON.stringify(part)} is no part of a tuple`, {
    fix: `one of ${Object.keys(readers).join(', ')}: ${example}`,
  });
}

type Reader = (text: string, value: unknown) => TupleValue;

const readers: Readonly<Record<string, Reader>> = {
  bytes: (text) => fromBase64(text),
  integer: (text) => BigInt(text),
  float: (text, value) => ({ float: typeof value === 'number' ? value : fromHex(text) }),
  double: (text, value) => ({ double: typeof value === 'number' ? value : fromHex(text) }),
  uuid: (text) => ({ uuid: text }),
  versionstamp: (text) => ({ versionstamp: fromHex(text) }),
};

/** What `readTuple` reads back as the same. */
export function spellTuple(parts: readonly TupleValue[]): string {
  return JSON.stringify(parts.map(spellPart));
}

function spellPart(part: TupleValue): unknown {
  if (typeof part === 'bigint') {
    return { integer: String(part) };
  }
  if (part instanceof Uint8Array) {
    return { bytes: toBase64Url(part) };
  }
  if (Array.isArray(part)) {
    return part.map((each: TupleValue) => spellPart(each));
  }
  if (typeof part !== 'object' || part === null) {
    return part;
  }
  if ('float' in part) {
    return { float: spellNumber(part.float, 4) };
  }
  if ('double' in part) {
    return { double: spellNumber(part.double, 8) };
  }
  return 'versionstamp' in part ? { versionstamp: toHex(part.versionstamp) } : part;
}

/** JSON has no word for what is not finite, nor for a zero below zero: its bytes say it. */
function spellNumber(value: number | Uint8Array, width: 4 | 8): number | string {
  if (typeof value !== 'number') {
    return toHex(value);
  }
  if (Number.isFinite(value) && !Object.is(value, -0)) {
    return value;
  }
  const bytes = new Uint8Array(width);
  const view = new DataView(bytes.buffer);
  if (width === 4) {
    view.setFloat32(0, value);
  } else {
    view.setFloat64(0, value);
  }
  return toHex(bytes);
}
