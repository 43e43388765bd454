// What a document is in the log of its resource: its value in a cell, and what it is for.
import {
  fromUtf8,
  HansaError,
  nameLengthMax,
  utf8,
  type ClusterId,
  type Codec,
} from '@hansa/foundation';
import { z } from 'zod';
import {
  asJson,
  canonicalJson,
  decodeCell,
  jsonDepthMax,
  parseJson,
  type Cell,
  type JsonValue,
} from '../kv/contract.ts';
import { documentBytesMax } from './contract.ts';

export const valueKey: Uint8Array = utf8('value');
export const settingsKey: Uint8Array = utf8('\u0000settings');

export interface DocumentSettings {
  readonly type: string;
  /** Whether other clusters write it: what they wrote at the same time is merged as JSON. */
  readonly shared?: boolean | undefined;
}

const settingsSchema: z.ZodType<DocumentSettings> = z.object({
  type: z.string().min(1).max(nameLengthMax),
  shared: z.boolean().optional(),
});

export interface StoredDocument {
  readonly cell: Cell;
  readonly value: JsonValue;
}

/** CHANGE_INVALID where it is no cell with canonical JSON. */
export function documentFrom(codec: Codec, bytes: Uint8Array, owner: ClusterId): StoredDocument {
  const cell = decodeCell(codec, bytes, owner);
  const value = cell.value.length > documentBytesMax ? undefined : canonicalFrom(cell.value);
  if (cell.deleted || value === undefined) {
    throw new HansaError('CHANGE_INVALID', 'the value is no JSON in its canonical spelling');
  }
  return { cell, value };
}

function canonicalFrom(bytes: Uint8Array): JsonValue | undefined {
  try {
    const text = fromUtf8(bytes);
    const value = parseJson(text);
    return value !== undefined && canonicalJson(value) === text ? value : undefined;
  } catch {
    return undefined;
  }
}

export function settingsFrom(codec: Codec, bytes: Uint8Array): DocumentSettings {
  try {
    return settingsSchema.parse(codec.decode(bytes));
  } catch (cause) {
    throw new HansaError('CHANGE_INVALID', 'the settings of a document do not fit their schema', {
      cause,
    });
  }
}

/** INPUT_INVALID, INPUT_TOO_LARGE. */
export function readJson(what: string, given: unknown): JsonValue {
  const value = asJson(given);
  if (value === undefined) {
    throw new HansaError('INPUT_INVALID', `${what} is no JSON of at most ${jsonDepthMax} levels`);
  }
  return value;
}

/** Its stored bytes; INPUT_TOO_LARGE. */
export function spellDocument(value: JsonValue): Uint8Array {
  const bytes = utf8(canonicalJson(value));
  if (bytes.length > documentBytesMax) {
    throw new HansaError(
      'INPUT_TOO_LARGE',
      `a document has at most ${documentBytesMax} bytes, not ${bytes.length}`,
      { fix: 'split it, or keep it in a git repository', facts: { bytesMax: documentBytesMax } },
    );
  }
  return bytes;
}
