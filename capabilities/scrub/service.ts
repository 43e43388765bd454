// Scrubbing as people see it, and the duty that does it by itself.
import {
  changedKeys,
  reportOf,
  type Clock,
  type Codec,
  type ErrorReport,
  type KeyValueStore,
  type Log,
} from '@hansa/foundation';
import type { Scrub, Scrubbing, ScrubPart, ScrubParts } from './contract.ts';
import { createFindings, damageOf } from './findings.ts';
import { scrubTables } from './keys.ts';
import { createRounds, scrubEveryMs, type Round } from './rounds.ts';

// A node that was just started has other things to read.
const firstAfterMs = 3_600_000;
const lookEveryMs = 60_000; // whether it is time; a week is not counted in seconds
const warnedMax = 5; // for the status: the first of them say enough

export interface ScrubNeeds {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly log: Log;
}

export interface ScrubService {
  readonly scrub: Scrub;
  readonly parts: ScrubParts;
  warnings(): readonly ErrorReport[];
  load(): Promise<void>;
  /** A slow round when the last is a week old. */
  keep(signal: AbortSignal): Promise<void>;
  stop(): Promise<void>;
}

export function createScrub(needs: ScrubNeeds, first: readonly ScrubPart[]): ScrubService {
  const { clock, log } = needs;
  const tables = scrubTables(needs.store, needs.codec);
  const findings = createFindings({ ...needs, tables });
  const parts: ScrubPart[] = [...first];
  const rounds = createRounds({ ...needs, tables, findings, parts });
  const startedMs = clock.now();
  const nextMs = async (): Promise<number> => {
    const last = (await tables.last.get())?.value.endedMs;
    const soonest = startedMs + firstAfterMs;
    return last === undefined ? soonest : Math.max(last + scrubEveryMs, soonest);
  };
  return {
    parts: { add: (part) => void parts.push(part) },
    warnings: () =>
      findings
        .open()
        .slice(0, warnedMax)
        .map((each) => reportOf(damageOf(each))),
    load: () => findings.load(),
    stop: () => rounds.stop(),
    async keep(signal) {
      for (;;) {
        await clock.sleep(lookEveryMs, signal);
        const present = rounds.present();
        const isIdle = present === undefined || present.ended !== undefined;
        if (isIdle && clock.now() >= (await nextMs())) {
          await rounds
            .begin({ repair: true, asked: false })
            .catch((error: unknown) => log.problem('scrub.not-begun', error, {}));
        }
      }
    },
    scrub: {
      async begin({ repair = false }) {
        return { startedMs: (await rounds.begin({ repair, asked: true })).startedMs };
      },
      async *follow(_input, call) {
        const steps = changedKeys<'moved'>(
          (moved) => rounds.subscribe(() => moved('moved')),
          call?.signal,
        );
        const round = rounds.present();
        if (round === undefined) {
          return;
        }
        if (round.ended === undefined) {
          yield progressOf(round);
          for await (const _step of steps) {
            if (round.ended !== undefined) {
              break;
            }
            yield progressOf(round);
          }
        }
        yield* reportOn(round);
      },
      async status() {
        const round = rounds.present();
        const last = (await tables.last.get())?.value;
        return {
          running: round !== undefined && round.ended === undefined,
          ...(last === undefined ? {} : { last }),
          nextMs: await nextMs(),
          findings: findings.all(),
        };
      },
    },
  };
}

function progressOf(round: Round): Scrubbing {
  return { type: 'progress', read: [...round.read], found: round.found.length };
}

function* reportOn({ ended }: Round): Iterable<Scrubbing> {
  if (ended !== undefined && 'error' in ended) {
    throw ended.error;
  }
  if (ended !== undefined) {
    yield { type: 'report', report: ended };
  }
}
