// What is counted instead of kept one by one, in memory alone: data and reads, by who and what; and
// refusals of a source that has had its share of records for the minute.
import { sourceNetwork, type Clock } from '@hansa/foundation';
import type { Said } from './writing.ts';

// Whoever touches more than so many things in a minute is told of by what they did, not to what.
export const countedRowsMax = 1_024;
export const refusalsPerSourceMax = 30; // records in a minute; the rest of them is one with a count
export const refusalsPerMinuteMax = 120; // of all sources: the audit outlasts a flood by weeks
const refusingSourcesMax = 1_024; // sources that are told apart in a minute

export interface Tally {
  readonly said: Omit<Said, 'count' | 'facts' | 'sinceMs'>;
}

interface Row extends Tally {
  count: number;
  readonly sinceMs: number;
}

export interface Counting {
  add(said: Tally['said']): void;
  /** False where this refusal is to be counted, which has been done. */
  refused(said: Tally['said']): boolean;
  /** What was counted since it was last taken. */
  take(): readonly Said[];
}

const elsewhere = 'many';

export function createCounting(clock: Pick<Clock, 'now'>): Counting {
  let rows = new Map<string, Row>();
  let refusing = new Map<string, number>();
  let refusals = 0;
  const count = (key: string, said: Tally['said']): void => {
    const row = rows.get(key);
    if (row === undefined) {
      rows.set(key, { said, count: 1, sinceMs: clock.now() });
    } else {
      row.count += 1;
    }
  };
  const full = (): boolean => rows.size >= countedRowsMax;
  return {
    add(said) {
      const key = keyOf(said);
      if (rows.has(key) || !full()) {
        count(key, said);
        return;
      }
      // Acts and outcomes are few, so this ends: twice the bound at the very most.
      const blurred = { ...said, principal: elsewhere, via: '', source: '', target: '' };
      count(keyOf(blurred), blurred);
    },
    refused(said) {
      const network = sourceNetwork(said.source);
      const known = refusing.has(network) || refusing.size < refusingSourcesMax;
      const source = known ? network : elsewhere;
      const before = refusing.get(source) ?? 0;
      refusing.set(source, before + 1);
      if (known && before < refusalsPerSourceMax && refusals < refusalsPerMinuteMax) {
        refusals += 1;
        return true;
      }
      const plain = { principal: elsewhere, via: '', permission: '', target: '' };
      count(`refused ${source}`, { ...said, ...plain, source, act: 'requests.refused' });
      return false;
    },
    take() {
      const taken = [...rows.values()];
      rows = new Map();
      refusing = new Map();
      refusals = 0;
      return taken.map(({ said, count: many, sinceMs }) => ({
        ...said,
        count: many,
        sinceMs,
        facts: {},
      }));
    },
  };
}

function keyOf({ principal, act, target, outcome }: Tally['said']): string {
  return `${principal}\n${act}\n${target}\n${outcome}`;
}
