// One key on a condition and several at once, where a condition that does not hold is an answer:
// it shows what stands there.
import { utf8 } from '@hansa/foundation';
import type {
  KvBatchWritten,
  KvCompare,
  KvExpectation,
  KvSwapped,
  KvWrite,
  SpelledValue,
} from './contract.ts';
import { decisionOf, entryOf, readCompare, readWay, requireFits } from './transacting.ts';
import { readValue } from './value-text.ts';
import type { NewValue, Work } from './writing.ts';

export function setWork(
  input: SpelledValue & {
    readonly key: string;
    readonly expect: KvExpectation;
    readonly lease?: string | undefined;
  },
): Work<KvSwapped> {
  const { key, expect, lease } = input;
  return swapWork({ key, expect }, { value: readValue(input), lease });
}

/** What is not there is not deleted: it never stands as expected, but by the version 0. */
export function dropWork(input: {
  readonly key: string;
  readonly expect: KvExpectation;
}): Work<KvSwapped> {
  return swapWork(input, undefined);
}

function swapWork(
  { key, expect }: { readonly key: string; readonly expect: KvExpectation },
  next: NewValue | undefined,
): Work<KvSwapped> {
  const { holds } = readCompare({ key, ...expect });
  return {
    keys: [key],
    ops: 1,
    bytes: utf8(key).length + (next?.value.length ?? 0),
    decide(standing, settings) {
      if (next !== undefined) {
        requireFits(settings, key, next.value);
      }
      const found = standing(key);
      if (!holds(found)) {
        const current = entryOf(key, found);
        return { writes: new Map(), answer: ({ revision }) => ({ ok: false, current, revision }) };
      }
      return {
        writes: new Map([[key, next]]),
        answer: ({ revision, versionOf }) => ({
          ok: true,
          key,
          version: versionOf(key),
          revision,
        }),
      };
    },
  };
}

export function batchWork(input: {
  readonly ops: readonly KvWrite[];
  readonly if?: readonly KvCompare[] | undefined;
}): Work<KvBatchWritten> {
  const compares = (input.if ?? []).map(readCompare);
  const way = readWay(input.ops);
  return {
    keys: [...new Set([...compares, ...way.ops].map(({ key }) => key))],
    ops: way.writes.size,
    bytes: way.bytes,
    decide(standing, settings) {
      const failed = compares.findIndex(({ key, holds }) => !holds(standing(key)));
      const refused = compares[failed];
      if (refused !== undefined) {
        const current = entryOf(refused.key, standing(refused.key));
        return {
          writes: new Map(),
          answer: ({ revision }) => ({ ok: false, failed, current, revision }),
        };
      }
      return decisionOf(way, { standing, settings }, (results, revision) => ({
        ok: true,
        results,
        revision,
      }));
    },
  };
}
