// One round after the other: asked for by a person, as fast as it goes, or by itself, slowly. There
// is one at a time; who asks does not wait for a slow one.
import {
  createMutex,
  HansaError,
  type Clock,
  type KeyValueStore,
  type Log,
} from '@hansa/foundation';
import { createBudget, scrubBytesPerSecond } from './budget.ts';
import type { ClassRead, Finding, ScrubPart, ScrubReport, ScrubRound } from './contract.ts';
import type { Findings } from './findings.ts';
import type { ScrubTables } from './keys.ts';

// Disks lose bits over months; a copy that is wrong should be found while there is another.
export const scrubEveryMs: number = 7 * 24 * 3_600_000;

export interface RoundsNeeds {
  readonly store: KeyValueStore;
  readonly tables: ScrubTables;
  readonly clock: Clock;
  readonly log: Log;
  readonly findings: Findings;
  readonly parts: readonly ScrubPart[];
}

export interface Round {
  readonly startedMs: number;
  readonly repair: boolean;
  readonly asked: boolean;
  /** Grows while it lasts. */
  readonly read: ClassRead[];
  readonly found: Finding[];
  /** Set at its end; an error where it was broken off. */
  ended?: ScrubReport | { readonly error: unknown };
}

export interface Rounds {
  /** CONFLICT where one is under way that somebody asked for. */
  begin(order: { readonly repair: boolean; readonly asked: boolean }): Promise<Round>;
  present(): Round | undefined;
  /** Called with every step of any round. */
  subscribe(moved: () => void): () => void;
  /** Ends what is under way. */
  stop(): Promise<void>;
}

export function createRounds(needs: RoundsNeeds): Rounds {
  const { clock, log } = needs;
  const listeners = new Set<() => void>();
  const turns = createMutex();
  let present: { readonly round: Round; readonly ending: AbortController } | undefined;
  const moved = (): void => listeners.forEach((listener) => listener());
  const isRunning = (): boolean => present !== undefined && present.round.ended === undefined;
  return {
    async begin({ repair, asked }) {
      if (isRunning() && (!asked || present?.round.asked === true)) {
        throw new HansaError('CONFLICT', 'a round is under way already', {
          fix: 'hansa scrub status',
        });
      }
      present?.ending.abort(new HansaError('CANCELLED', 'another round was asked for'));
      const ending = new AbortController();
      const startedMs = clock.now();
      const round: Round = { startedMs, repair, asked, read: [], found: [] };
      present = { round, ending };
      turns
        .run(() => runRound(needs, { round, moved, signal: ending.signal }))
        .catch((error: unknown) => {
          round.ended = { error };
          log.problem('scrub.broken-off', error, {});
        })
        .finally(moved);
      return round;
    },
    present: () => present?.round,
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    async stop() {
      present?.ending.abort(new HansaError('SHUTTING_DOWN', 'the node is stopping'));
      await turns.run(async () => undefined);
    },
  };
}

interface Running {
  readonly round: Round;
  readonly moved: () => void;
  readonly signal: AbortSignal;
}

async function runRound(needs: RoundsNeeds, running: Running): Promise<void> {
  const { clock, findings, store, tables, log } = needs;
  const { round, signal } = running;
  const { startedMs, repair, read, found } = round;
  const pace = round.asked ? {} : { bytesPerSecond: scrubBytesPerSecond };
  const budget = createBudget(clock, { ...pace, signal });
  for (const part of needs.parts) {
    signal.throwIfAborted();
    const sinceMs = clock.now();
    await part.scrub(roundFor(needs, running, { part, spend: budget.spend }));
    await findings.settle(part.class, sinceMs);
  }
  const last = { startedMs, endedMs: clock.now(), repair, read };
  await store.batchWrite([tables.last.put([], last)]);
  round.ended = { ...last, found };
  log.event('scrub.ended', { found: found.length, repair });
}

function roundFor(
  { clock, findings }: RoundsNeeds,
  { round, moved, signal }: Running,
  { part, spend }: { readonly part: ScrubPart; readonly spend: (bytes: number) => Promise<void> },
): ScrubRound {
  const at = round.read.length;
  const counted = { class: part.class, items: 0, bytes: 0 };
  round.read.push({ ...counted });
  const count = (more: { readonly items?: number; readonly bytes?: number }): void => {
    counted.items += more.items ?? 0;
    counted.bytes += more.bytes ?? 0;
    round.read[at] = { ...counted };
  };
  return {
    signal,
    repair: round.repair,
    async spend(bytes) {
      count({ bytes });
      await spend(bytes);
      moved();
    },
    looked: (items = 1) => count({ items }),
    async found(what) {
      const atMs = clock.now();
      const repaired = what.from === undefined ? {} : { repairedMs: atMs };
      const finding: Finding = { class: part.class, ...what, foundMs: atMs, ...repaired };
      await findings.put(finding);
      round.found.push(finding);
      moved();
    },
  };
}
