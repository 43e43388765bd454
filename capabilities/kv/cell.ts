// What stands under a key: a value, who wrote it when, and what that writer had seen. Cells of
// several writers are brought together here, by rules that give everybody the same answer.
import {
  bytesSchema,
  clusterIdSchema,
  compareBytes,
  compareHlc,
  emptyBytes,
  fromUtf8,
  HansaError,
  hlcSchema,
  utf8,
  type ClusterId,
  type Codec,
  type Hlc,
} from '@hansa/foundation';
import { z } from 'zod';
import { changeBytesMax } from '../resources/contract.ts';
import { mergeJson } from './json-merge.ts';
import { canonicalJson, parseJson, type JsonValue } from './json-value.ts';

export const writersMax = 64; // clusters that write one key; each is a lane of its own
export const vectorBytesMax: number = writersMax * 96; // an id in hex and a time, encoded
// one change holds it with the longest key, a vector and the change's own fields
export const valueBytesMax: number = changeBytesMax - 16 * 1_024;

/** Hex, so that an id is a word everywhere; as long as one that nobody guesses by chance. */
export const leaseIdSchema: z.ZodType<string> = z
  .string()
  .regex(/^[0-9a-f]{16}$/, 'the id of a lease is 16 lower-case hex digits');

/** What each writer's newest write was, as far as a write had seen it. By id, ascending. */
export type VersionVector = readonly (readonly [writer: ClusterId, newest: Hlc])[];

export interface Cell {
  /** Empty where it was deleted. */
  readonly value: Uint8Array;
  readonly at: Hlc;
  readonly by: ClusterId;
  /** With the write itself. */
  readonly vector: VersionVector;
  readonly deleted: boolean;
  /** The owner's, with which it goes. */
  readonly lease?: string | undefined;
}

const storedCellSchema = z.object({
  value: bytesSchema,
  at: hlcSchema,
  by: clusterIdSchema.optional(),
  vector: z
    .array(z.tuple([clusterIdSchema, hlcSchema]))
    .max(writersMax)
    .optional(),
  deleted: z.literal(true).optional(),
  lease: leaseIdSchema.optional(),
});

// ---- as it is stored ----

/** The owner of the resource writes most cells: its id, and a vector of one, are left out. */
export function encodeCell(codec: Codec, cell: Cell, owner: ClusterId): Uint8Array {
  const { value, at, by, vector, deleted, lease } = cell;
  return codec.encode({
    value,
    at,
    ...(by === owner ? {} : { by }),
    ...(vector.length === 1 ? {} : { vector }),
    ...(deleted ? { deleted } : {}),
    ...(lease === undefined ? {} : { lease }),
  });
}

/** CHANGE_INVALID where the bytes are no cell: whoever signed them wrote something else. */
export function decodeCell(codec: Codec, bytes: Uint8Array, owner: ClusterId): Cell {
  const stored = decodeStored(codec, bytes);
  const { value, at, by = owner, deleted = false, lease } = stored;
  const vector = stored.vector ?? [[by, at] as const];
  if (value.length > (deleted ? 0 : valueBytesMax)) {
    throw new HansaError('CHANGE_INVALID', 'the value of a cell is over its limit');
  }
  const sorted = vector.every(([id], place) => place === 0 || (vector[place - 1]?.[0] ?? '') < id);
  const own = newestOf(vector, by);
  if (!sorted || own === undefined || compareHlc(own, at) < 0) {
    throw new HansaError('CHANGE_INVALID', 'the vector of a cell does not cover its own write');
  }
  const cell = { value, at, by, vector, deleted };
  return lease === undefined ? cell : { ...cell, lease };
}

function decodeStored(codec: Codec, bytes: Uint8Array): z.infer<typeof storedCellSchema> {
  try {
    return storedCellSchema.parse(codec.decode(bytes));
  } catch (cause) {
    throw new HansaError('CHANGE_INVALID', 'a cell does not fit its schema', { cause });
  }
}

/** The next write of a key: after all that stands there, also where the clock was set back. */
export function nextCell(
  before: Cell | undefined,
  write: {
    /** Undefined deletes. */
    readonly value: Uint8Array | undefined;
    readonly by: ClusterId;
    readonly now: Hlc;
    readonly lease?: string | undefined;
  },
): Cell {
  const { value, by, now, lease } = write;
  const vector = before?.vector ?? [];
  const at = vector.reduce((time, [, newest]) => after(newest, time), now);
  return {
    value: value ?? emptyBytes,
    at,
    by,
    vector: joinVectors([vector, [[by, at]]]),
    deleted: value === undefined,
    ...(lease === undefined ? {} : { lease }),
  };
}

function after(before: Hlc, now: Hlc): Hlc {
  if (compareHlc(now, before) > 0) {
    return now;
  }
  const [wallMs, counter] = before;
  return counter < 0xffff ? [wallMs, counter + 1] : [wallMs + 1, 0];
}

// ---- what a writer had seen ----

function newestOf(vector: VersionVector, writer: ClusterId): Hlc | undefined {
  return vector.find(([id]) => id === writer)?.[1];
}

export function joinVectors(vectors: readonly VersionVector[]): VersionVector {
  const joined = new Map<ClusterId, Hlc>();
  for (const [id, time] of vectors.flat()) {
    const held = joined.get(id);
    if (held === undefined || compareHlc(time, held) > 0) {
      joined.set(id, time);
    }
  }
  return [...joined].toSorted(([a], [b]) => (a < b ? -1 : 1));
}

export type CellOrder = 'dominates' | 'dominated' | 'concurrent' | 'equal';

/** By what both writers had seen, never by their clocks. */
export function compareCells(a: Cell, b: Cell): CellOrder {
  const behind = covers(b.vector, a.vector);
  const ahead = covers(a.vector, b.vector);
  if (behind && ahead) {
    return 'equal';
  }
  return ahead ? 'dominates' : behind ? 'dominated' : 'concurrent';
}

function covers(larger: VersionVector, smaller: VersionVector): boolean {
  return smaller.every(([id, time]) => {
    const held = newestOf(larger, id);
    return held !== undefined && compareHlc(held, time) >= 0;
  });
}

// ---- bringing cells together ----

export const mergeRules = [
  'last-write-wins',
  'first-write-wins',
  'max',
  'min',
  'merge',
  'manual',
] as const;
export type MergeRule = (typeof mergeRules)[number];

export interface MergedCells {
  /** Those that none of the others had seen, the earliest first. */
  readonly cells: readonly Cell[];
  /**
   * What they come to by the rule; having seen all of them, it takes their place where it is
   * stored. Undefined where a person has to decide.
   */
  readonly shown: Cell | undefined;
}

/**
 * The cells that stay are the greatest of a partial order, and what is shown is a function of them
 * alone: so it does not matter who merges what first, or how often.
 */
export function mergedCells(rule: MergeRule, cells: readonly Cell[]): MergedCells {
  const kept = cells
    .filter((cell) => !cells.some((other) => outlives(other, cell)))
    .toSorted(compareWrites)
    .filter(
      (cell, index, sorted) => index === 0 || compareWrites(sorted[index - 1] ?? cell, cell) !== 0,
    );
  const [first, ...rest] = kept;
  if (first === undefined) {
    return { cells: kept, shown: undefined };
  }
  const shown = rest.length === 0 ? first : choose[rule]([first, ...rest]);
  const vector = joinVectors(kept.map((cell) => cell.vector));
  return { cells: kept, shown: shown === undefined ? undefined : { ...shown, vector } };
}

export function mergeCells(rule: MergeRule, a: MergedCells, b: MergedCells): MergedCells {
  return mergedCells(rule, [...a.cells, ...b.cells]);
}

/** Two cells of one vector are a fault of their writer's: the same one stays everywhere. */
function outlives(other: Cell, cell: Cell): boolean {
  const order = compareCells(other, cell);
  return order === 'dominates' || (order === 'equal' && compareWrites(other, cell) > 0);
}

/** By time, then by writer; then by content, so that no two cells are the same by chance. */
function compareWrites(a: Cell, b: Cell): number {
  const byTime = compareHlc(a.at, b.at);
  if (byTime !== 0) {
    return byTime;
  }
  const byWriter = compareText(a.by, b.by);
  if (byWriter !== 0) {
    return byWriter;
  }
  const byContent = Number(a.deleted) - Number(b.deleted) || compareBytes(a.value, b.value);
  return byContent === 0 ? compareText(vectorText(a), vectorText(b)) : byContent;
}

/** One writer's one write has one vector; of what claims otherwise, one must still be the first. */
function vectorText({ vector }: Cell): string {
  return vector.map(([id, time]) => `${id} ${time.join(' ')}`).join(',');
}

function compareText(a: string, b: string): number {
  return a === b ? 0 : a < b ? -1 : 1;
}

/** Two or more, concurrent, the earliest first. */
type Concurrent = readonly [Cell, ...Cell[]];

const choose: Readonly<Record<MergeRule, (cells: Concurrent) => Cell | undefined>> = {
  'last-write-wins': last,
  'first-write-wins': ([first]) => first,
  max: (cells) => extreme(cells, (a, b) => a - b),
  min: (cells) => extreme(cells, (a, b) => b - a),
  merge: mergeValues,
  manual: agreed,
};

function last(cells: Concurrent): Cell {
  return cells.at(-1) ?? cells[0];
}

/** Numbers win over other values and over deletions; equal numbers, by who wrote last. */
function extreme(cells: Concurrent, compare: (a: number, b: number) => number): Cell {
  const numbered = cells.flatMap((cell) => {
    const number = numberOf(cell);
    return number === undefined ? [] : [{ cell, number }];
  });
  const [best] = numbered.toSorted((a, b) => {
    const order = compare(b.number, a.number);
    return order === 0 ? compareWrites(b.cell, a.cell) : order;
  });
  return best?.cell ?? last(cells);
}

const numberLengthMax = 64; // longer ones say more than a number holds
const numberPattern = /^\s*[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d+)?\s*$/;

/** Undefined where it is deleted or not the text of a number. */
export function numberOf({ value, deleted }: Pick<Cell, 'value' | 'deleted'>): number | undefined {
  const text = deleted ? undefined : textOf(value);
  if (text === undefined || text.length > numberLengthMax || !numberPattern.test(text)) {
    return undefined;
  }
  const number = Number(text);
  return Number.isFinite(number) ? number : undefined;
}

/** A value that was written survives one that was deleted at the same time. */
function mergeValues(cells: Concurrent): Cell {
  const [first, ...rest] = cells.filter(({ deleted }) => !deleted);
  if (first === undefined) {
    return last(cells);
  }
  const values = [first, ...rest].map(jsonOf).filter((value) => value !== undefined);
  const [value, ...others] = values;
  if (value === undefined || values.length <= rest.length) {
    return last([first, ...rest]); // one of them is no JSON
  }
  const merged = utf8(canonicalJson(mergeJson([value, ...others])));
  return merged.length > valueBytesMax
    ? last([first, ...rest])
    : { ...last(cells), ...alive(merged) };
}

function alive(value: Uint8Array): Pick<Cell, 'value' | 'deleted'> {
  return { value, deleted: false };
}

export function jsonOf({ value }: Pick<Cell, 'value'>): JsonValue | undefined {
  const text = textOf(value);
  return text === undefined ? undefined : parseJson(text);
}

function textOf(value: Uint8Array): string | undefined {
  try {
    return fromUtf8(value);
  } catch {
    return undefined;
  }
}

/** Two who wrote the same have no conflict. */
function agreed(cells: Concurrent): Cell | undefined {
  const [first] = cells;
  const same = cells.every(
    ({ value, deleted }) => deleted === first.deleted && compareBytes(value, first.value) === 0,
  );
  return same ? last(cells) : undefined;
}
