// Greeting decides what to say and keeps the count; the store says who was first.
import {
  HansaError,
  listAndWatch,
  type Codec,
  type Entry,
  type KeyValueStore,
} from '@hansa/foundation';
import type { Greeted, Greeting } from './contract.ts';
import { greetingTable, type GreetingRecord } from './keys.ts';

export interface GreetingNeeds {
  readonly store: KeyValueStore;
  readonly codec: Codec;
}

// Every lost attempt means that somebody else's greeting was counted, so this many rivals at once
// can greet one name and all succeed.
export const attemptsMax = 128;

export function createGreeting({ store, codec }: GreetingNeeds): Greeting {
  const counts = greetingTable(store, codec);

  /** False where somebody else has counted since; then the count is read again. */
  const count = async (record: GreetingRecord, modRevision: number): Promise<boolean> => {
    const key = counts.key(record.name);
    const { succeeded } = await store.transact({
      if: [{ key, target: 'modRevision', op: '=', operand: modRevision }],
      then: [counts.put([record.name], record)],
    });
    return succeeded;
  };

  return {
    async greet({ name }) {
      for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
        const row = await counts.get(name);
        const record = { name, count: (row?.value.count ?? 0) + 1 };
        if (await count(record, row?.modRevision ?? 0)) {
          return greeted(record);
        }
      }
      throw new HansaError('CONFLICT', `too many greet ${name} at the same time`, {
        fix: 'greet again',
      });
    },
    async *greetings(_input, call) {
      const signal = call?.signal ?? new AbortController().signal;
      const read = (entry: Entry): Greeted => greeted(counts.row(entry).value);
      for await (const step of listAndWatch(store, { prefix: counts.prefix() }, { signal })) {
        const entries = 'list' in step ? step.list : step.events.map(({ entry }) => entry);
        yield* entries.filter((entry) => entry !== null).map(read);
      }
    },
  };
}

function greeted({ name, count }: GreetingRecord): Greeted {
  return { name, words: count === 1 ? `Hello, ${name}.` : `Hello again, ${name}.`, count };
}
