// What writes are made of: conditions on keys as they stand, and what is written where they hold.
import { compareBytes, HansaError, utf8 } from '@hansa/foundation';
import { changeBytesMax } from '../resources/contract.ts';
import { jsonOf, numberOf } from './cell.ts';
import {
  pageBytesMax,
  type KvCompare,
  type KvEntry,
  type KvOp,
  type KvOpResult,
  type KvOrder,
  type SpelledValue,
  type Transacted,
} from './contract.ts';
import { shownEntry } from './reading.ts';
import type { SpaceSettings } from './keys.ts';
import { readValue } from './value-text.ts';
import type { Decision, NewValue, Standing, Work } from './writing.ts';

const transactBytesMax: number = changeBytesMax - 96 * 1_024; // room for a cell around each of 64

export interface PutInput extends SpelledValue {
  readonly key: string;
  readonly ifVersion?: number | undefined;
  readonly ifAbsent?: boolean | undefined;
  readonly lease?: string | undefined;
}

export function putWork(input: PutInput): Work<{ key: string; version: number; revision: number }> {
  const { key, ifVersion, ifAbsent = false, lease } = input;
  if (ifVersion !== undefined && ifAbsent) {
    throw new HansaError('INPUT_INVALID', '"ifVersion" and "ifAbsent" exclude each other');
  }
  const value = readValue(input);
  return {
    keys: [key],
    ops: 1,
    bytes: utf8(key).length + value.length,
    decide(standing, settings) {
      requireFits(settings, key, value);
      requireVersion(standing(key), key, ifAbsent ? 0 : ifVersion);
      return {
        writes: new Map([[key, { value, lease }]]),
        answer: ({ revision, versionOf }) => ({ key, version: versionOf(key), revision }),
      };
    },
  };
}

export function deleteWork(input: {
  readonly key: string;
  readonly ifVersion?: number | undefined;
}): Work<{ key: string; deleted: boolean; revision: number }> {
  const { key, ifVersion } = input;
  return {
    keys: [key],
    ops: 1,
    bytes: utf8(key).length,
    decide(standing) {
      const before = standing(key);
      requireVersion(before, key, ifVersion);
      const deleted = before.version > 0;
      return {
        writes: new Map([[key, undefined]]),
        answer: ({ revision }) => ({ key, deleted, revision }),
      };
    },
  };
}

function requireVersion(before: Standing, key: string, expected: number | undefined): void {
  if (expected !== undefined && before.version !== expected) {
    const [is, was] = [before.version, expected].map((version) =>
      version === 0 ? 'absent' : `at version ${version}`,
    );
    throw new HansaError('CONFLICT', `"${key}" is ${is}, not ${was}`, {
      fix: 'read it again, and decide anew',
      facts: { version: before.version },
    });
  }
}

/** What a rule cannot bring together is not let in. */
export function requireFits({ rule }: SpaceSettings, key: string, value: Uint8Array): void {
  const numeric = rule === 'max' || rule === 'min';
  if (numeric && numberOf({ value, deleted: false }) === undefined) {
    throw new HansaError('INPUT_INVALID', `"${key}": this space keeps the ${rule} of numbers`);
  }
  if (rule === 'merge' && jsonOf({ value }) === undefined) {
    throw new HansaError('INPUT_INVALID', `"${key}": this space merges JSON`);
  }
}

export interface TransactInput {
  readonly if: readonly KvCompare[];
  readonly then: readonly KvOp[];
  readonly else?: readonly KvOp[] | undefined;
}

export function transactWork(input: TransactInput): Work<Transacted> {
  const { then, else: otherwise = [] } = input;
  const compares = input.if.map(readCompare);
  const ways = [then, otherwise].map(readWay);
  const [yes = noWay, no = noWay] = ways;
  return {
    keys: [...new Set([...compares, ...yes.ops, ...no.ops].map(({ key }) => key))],
    ops: Math.max(yes.writes.size, no.writes.size),
    bytes: Math.max(yes.bytes, no.bytes),
    decide(standing, settings) {
      const succeeded = compares.every(({ key, holds }) => holds(standing(key)));
      const way = succeeded ? yes : no;
      return decisionOf(way, { standing, settings }, (results, revision) => ({
        succeeded,
        results,
        revision,
      }));
    },
  };
}

export interface Way {
  readonly ops: readonly { readonly is: 'put' | 'delete' | 'get'; readonly key: string }[];
  readonly writes: ReadonlyMap<string, NewValue | undefined>;
  readonly bytes: number;
}

const noWay: Way = { ops: [], writes: new Map(), bytes: 0 };

export function readWay(given: readonly KvOp[]): Way {
  const writes = new Map<string, NewValue | undefined>();
  const write = (key: string, value: NewValue | undefined): void => {
    if (writes.has(key)) {
      throw new HansaError('INPUT_INVALID', `"${key}" is written twice: once is enough`);
    }
    writes.set(key, value);
  };
  const ops = given.map((op) => {
    if ('put' in op) {
      write(op.put.key, { value: readValue(op.put), lease: op.put.lease });
      return { is: 'put' as const, key: op.put.key };
    }
    if ('delete' in op) {
      write(op.delete.key, undefined);
      return { is: 'delete' as const, key: op.delete.key };
    }
    return { is: 'get' as const, key: op.get.key };
  });
  const bytes = [...writes].reduce(
    (sum, [key, written]) => sum + utf8(key).length + (written?.value.length ?? 0),
    0,
  );
  if (writes.size > 1 && bytes > transactBytesMax) {
    throw new HansaError(
      'INPUT_TOO_LARGE',
      `a transaction writes at most ${transactBytesMax} bytes, not ${bytes}`,
      { facts: { bytesMax: transactBytesMax } },
    );
  }
  return { ops, writes, bytes };
}

export function decisionOf<T>(
  way: Way,
  found: { standing(key: string): Standing; readonly settings: SpaceSettings },
  answer: (results: readonly KvOpResult[], revision: number) => T,
): Decision<T> {
  way.writes.forEach((written, key) => {
    if (written !== undefined) {
      requireFits(found.settings, key, written.value);
    }
  });
  const before = new Map(way.ops.map(({ key }) => [key, found.standing(key)]));
  const read = way.ops.filter(({ is }) => is === 'get');
  const bytes = read.reduce((sum, { key }) => sum + (before.get(key)?.value.length ?? 0), 0);
  if (read.length > 1 && bytes > pageBytesMax) {
    throw new HansaError(
      'INPUT_TOO_LARGE',
      `a transaction reads at most ${pageBytesMax} bytes, not ${bytes}`,
      { fix: 'read fewer keys at once', facts: { bytesMax: pageBytesMax } },
    );
  }
  return {
    writes: way.writes,
    answer: ({ revision, versionOf }) =>
      answer(
        way.ops.map(({ is, key }): KvOpResult => {
          if (is === 'put') {
            return { put: { key, version: versionOf(key) } };
          }
          return is === 'delete'
            ? { delete: { key, deleted: (before.get(key)?.version ?? 0) > 0 } }
            : { get: { key, entry: entryOf(key, before.get(key)) } };
        }),
        revision,
      ),
  };
}

/** Null where nothing stands there. */
export function entryOf(key: string, found: Standing | undefined): KvEntry | null {
  return found?.cell === undefined || found.version === 0
    ? null
    : shownEntry(key, found.cell, datesOf(found));
}

/** A lane's own revisions are none of the space that it is for. */
function datesOf({ version, made, written }: Standing): Parameters<typeof shownEntry>[2] {
  return written === 0 ? { version } : { version, made, written };
}

export interface ReadCompare {
  readonly key: string;
  holds(standing: Standing): boolean;
}

export function readCompare(given: KvCompare): ReadCompare {
  const { key } = given;
  if ('present' in given) {
    return { key, holds: ({ version }) => version > 0 === given.present };
  }
  const test = orders[given.op ?? '='];
  if ('version' in given) {
    return { key, holds: ({ version }) => test(version - given.version) };
  }
  if ('createRevision' in given) {
    return { key, holds: ({ made }) => test(made - given.createRevision) };
  }
  if ('modRevision' in given) {
    return { key, holds: ({ written }) => test(written - given.modRevision) };
  }
  const value = readValue(given.value);
  // A key that is not there has no value, and so no other one either.
  return { key, holds: (found) => found.version > 0 && test(compareBytes(found.value, value)) };
}

const orders: Readonly<Record<KvOrder, (difference: number) => boolean>> = {
  '=': (difference) => difference === 0,
  '!=': (difference) => difference !== 0,
  '<': (difference) => difference < 0,
  '>': (difference) => difference > 0,
};
