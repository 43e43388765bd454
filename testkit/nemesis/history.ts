// What clients asked of a cluster and what they heard, in the order in which one process saw it:
// the evidence that the checkers judge. One line of JSON for each event, so that a run that failed
// can be read again.

export type Outcome = 'ok' | 'fail' | 'unknown';

/** `info` is what the nemesis did; it has no end. */
export type Phase = 'invoke' | Outcome | 'info';

export interface HistoryEvent {
  readonly process: string;
  readonly phase: Phase;
  readonly operation: string;
  readonly key: string;
  /** What was asked where it is invoked, else what was heard. */
  readonly value?: unknown;
  /** By the monotonic clock, since the recording began. */
  readonly atMs: number;
}

/** `fail` only where it is certain that nothing happened. */
export type Heard =
  | { readonly outcome: 'ok'; readonly value: unknown }
  | { readonly outcome: 'fail' | 'unknown'; readonly why: string };

export interface Asked {
  readonly operation: string;
  readonly key: string;
  readonly value?: unknown;
}

export interface Operation extends Asked {
  readonly process: string;
  readonly outcome: Outcome;
  /** What was answered; undefined where there was no answer. */
  readonly heard: unknown;
  /** Places in the order of all events; an unknown outcome has no end. */
  readonly start: number;
  readonly end: number;
  readonly startMs: number;
  readonly endMs: number;
}

export interface Recorder {
  /** Does the work between the two events of an operation; never throws. */
  record(process: string, asked: Asked, work: () => Promise<Heard>): Promise<Heard>;
  note(operation: string, value: unknown): void;
  nowMs(): number;
  /** Everything that has ended, and what is under way as unknown. */
  operations(): readonly Operation[];
}

// a run of ten minutes has a tenth of it; more would be a client that never waits
export const operationsMax = 1_000_000;

interface Pending {
  readonly process: string;
  readonly asked: Asked;
  readonly start: number;
  readonly startMs: number;
}

/** `now` is monotonic; `write` takes each event as it happens. */
export function createRecorder(needs: {
  readonly now: () => number;
  readonly write: (event: HistoryEvent) => void;
}): Recorder {
  const { now, write } = needs;
  const beganMs = now();
  const done: Operation[] = [];
  const pending = new Set<Pending>();
  let order = 0;
  const nowMs = (): number => Math.round((now() - beganMs) * 1_000) / 1_000;
  const tell = (event: Omit<HistoryEvent, 'atMs'>): { place: number; atMs: number } => {
    const atMs = nowMs();
    write({ ...event, atMs });
    order += 1;
    return { place: order, atMs };
  };
  const end = (one: Pending, heard: Heard): void => {
    const { process, asked, start, startMs } = one;
    const value = heard.outcome === 'ok' ? heard.value : heard.why;
    const { operation, key } = asked;
    const at = tell({ process, phase: heard.outcome, operation, key, value });
    pending.delete(one);
    done.push({
      ...asked,
      process,
      outcome: heard.outcome,
      heard: heard.outcome === 'ok' ? heard.value : undefined,
      start,
      startMs,
      end: heard.outcome === 'unknown' ? Number.POSITIVE_INFINITY : at.place,
      endMs: at.atMs,
    });
  };
  return {
    nowMs,
    async record(process, asked, work) {
      if (done.length >= operationsMax) {
        throw new Error(`a history holds at most ${operationsMax} operations`);
      }
      const { place, atMs } = tell({ process, phase: 'invoke', ...asked });
      const one = { process, asked, start: place, startMs: atMs };
      pending.add(one);
      const heard = await work().catch((error: unknown): Heard => ({
        outcome: 'unknown',
        why: String(error),
      }));
      end(one, heard);
      return heard;
    },
    note(operation, value) {
      tell({ process: 'nemesis', phase: 'info', operation, key: '', value });
    },
    operations: () => [...done, ...[...pending].map(withoutEnd)],
  };
}

function withoutEnd({ process, asked, start, startMs }: Pending): Operation {
  const never = Number.POSITIVE_INFINITY;
  const open = { outcome: 'unknown', heard: undefined, end: never, endMs: never } as const;
  return { ...asked, ...open, process, start, startMs };
}

export function byKey(operations: readonly Operation[]): ReadonlyMap<string, Operation[]> {
  const found = new Map<string, Operation[]>();
  for (const one of operations) {
    const same = found.get(one.key) ?? [];
    same.push(one);
    found.set(one.key, same);
  }
  return found;
}
