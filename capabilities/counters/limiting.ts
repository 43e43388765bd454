// Rate limiters. A record says how much there was when it was written, and not when: a clock that
// jumps, or another node's, would give tokens that never came. What comes since is counted by each
// process from when it first saw the record, so a restart gives less for a moment and never more.
import {
  cancellation,
  HansaError,
  type Clock,
  type KeyValueStore,
  type Row,
} from '@hansa/foundation';
import {
  limitersMax,
  pageNumbersMax,
  type Limiter,
  type Limiters,
  type Taken,
} from './contract.ts';
import type { LimiterRecord, NumberTables } from './keys.ts';
import { createLedger, type Ledger } from './ledger.ts';

export interface LimitingNeeds {
  readonly store: KeyValueStore;
  readonly clock: Clock;
  readonly tables: NumberTables;
  /** Fewer than `limitersMax`, for tests. */
  readonly limitersMax?: number | undefined;
}

interface Seen {
  readonly revision: number;
  readonly atMs: number;
}

const secondMs = 1_000;

/** When this process first saw each record as it is. */
class Sightings {
  readonly #clock: Clock;
  readonly #seen = new Map<string, Seen>();
  #readAtMs = new Map<string, number>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  aged(name: string, { value, modRevision }: Row<LimiterRecord>): LimiterRecord {
    const nowMs = this.#clock.monotonicMs();
    const before = this.#seen.get(name);
    const seen = before?.revision === modRevision ? before : { revision: modRevision, atMs: nowMs };
    this.#remember(name, seen);
    this.#readAtMs.set(name, nowMs);
    const came = ((nowMs - seen.atMs) / secondMs) * value.perSecond;
    const level = Math.min(value.burst, value.level + came);
    return level === value.level ? value : { ...value, level };
  }

  /** What was written holds all that had come when it was read. */
  written(name: string, revision: number): void {
    this.#remember(name, {
      revision,
      atMs: this.#readAtMs.get(name) ?? this.#clock.monotonicMs(),
    });
  }

  #remember(name: string, seen: Seen): void {
    if (this.#seen.size > 2 * limitersMax) {
      // Those that were removed meanwhile: the rest is seen anew, and gives less for a moment.
      this.#seen.clear();
      this.#readAtMs = new Map();
    }
    this.#seen.set(name, seen);
  }
}

export function createLimiters(needs: LimitingNeeds): Limiters {
  const { store, clock, tables } = needs;
  const sightings = new Sightings(clock);
  const ledger = createLedger<LimiterRecord>({
    store,
    table: tables.limiters,
    census: tables.census,
    noun: 'limiter',
    rowsMax: needs.limitersMax ?? limitersMax,
    aged: (name, row) => sightings.aged(name, row),
    written: (name, revision) => sightings.written(name, revision),
  });
  return { ...configuring(ledger, tables, sightings), take: taking(ledger, clock) };
}

function configuring(
  ledger: Ledger<LimiterRecord>,
  tables: NumberTables,
  sightings: Sightings,
): Omit<Limiters, 'take'> {
  return {
    configure: ({ name, perSecond, burst }) =>
      ledger.change(name, (before) => {
        const level = Math.min(burst, before?.level ?? burst);
        const record = { perSecond, burst, level };
        return { record, answer: shownLimiter(name, record) };
      }),
    async show({ name }) {
      const row = await tables.limiters.get(name);
      return shownLimiter(name, row === undefined ? missing(name) : sightings.aged(name, row));
    },
    reset: ({ name }) =>
      ledger.change(name, (before) => {
        const record = { ...known(name, before) };
        const full = { ...record, level: record.burst };
        return { record: full, answer: shownLimiter(name, full) };
      }),
    remove: ({ name }) =>
      ledger.change(name, (before) => {
        known(name, before);
        return { record: undefined, answer: { name } };
      }),
    async list({ after, limit = pageNumbersMax }) {
      const limiters: Limiter[] = [];
      for await (const row of tables.limiters.rowsFrom([], after ?? '')) {
        const name = String(row.key[0]);
        if (name !== after) {
          limiters.push(shownLimiter(name, sightings.aged(name, row)));
        }
        if (limiters.length >= limit) {
          return { limiters, next: name };
        }
      }
      return { limiters };
    },
  };
}

function taking(ledger: Ledger<LimiterRecord>, clock: Clock): Limiters['take'] {
  return async ({ name, tokens = 1, waitMs = 0 }, call) => {
    const signal = call?.signal;
    const { taken, dueMs } = await ledger.change(name, (before) =>
      tookOf(name, known(name, before), { tokens, waitMs }),
    );
    if (taken.allowed && dueMs > 0) {
      await clock.sleep(dueMs, signal).catch(() => undefined);
      if (signal?.aborted === true) {
        await giveBack(ledger, name, tokens);
        throw cancellation(signal);
      }
    }
    return taken;
  };
}

/** Promised tokens leave the level below zero: who asks later waits until those have come. */
function tookOf(
  name: string,
  before: LimiterRecord,
  { tokens, waitMs }: { readonly tokens: number; readonly waitMs: number },
): { record: LimiterRecord; answer: { readonly taken: Taken; readonly dueMs: number } } {
  if (tokens > before.burst) {
    throw new HansaError(
      'COORDINATION_DIFFERS',
      `"${name}" holds ${before.burst} tokens at most: ${tokens} would never come`,
      { facts: { name, burst: before.burst } },
    );
  }
  const level = before.level - tokens;
  const dueMs = level >= 0 ? 0 : Math.ceil((-level / before.perSecond) * secondMs);
  const allowed = dueMs <= waitMs;
  const available = Math.floor(allowed ? level : before.level);
  const taken: Taken = allowed
    ? { allowed, available }
    : { allowed, available, retryAfterMs: dueMs };
  // Untouched where nothing is taken: then nothing is written.
  return { record: allowed ? { ...before, level } : before, answer: { taken, dueMs } };
}

async function giveBack(
  ledger: Ledger<LimiterRecord>,
  name: string,
  tokens: number,
): Promise<void> {
  await ledger
    .change(name, (before) => {
      const record = before && { ...before, level: Math.min(before.burst, before.level + tokens) };
      return { record, answer: undefined };
    })
    .catch(() => undefined); // lost tokens come again
}

function shownLimiter(name: string, { perSecond, burst, level }: LimiterRecord): Limiter {
  return { name, perSecond, burst, available: Math.floor(level) };
}

function known(name: string, record: LimiterRecord | undefined): LimiterRecord {
  return record ?? missing(name);
}

function missing(name: string): never {
  throw new HansaError('COORDINATION_NOT_FOUND', `there is no rate limiter "${name}"`, {
    fix: `hansa limiter configure ${name} --rate 10 --burst 20`,
  });
}
