// What recorded producers and consumers of a queue heard, read as its history, and judged: nothing
// lost, nothing pushed twice, nothing with two at once or again after it was done, and nobody loses
// an item before its time.
import { checkQueueHistory, type QueueServing } from '../../coordination-model.ts';
import type { Operation } from '../history.ts';

export const visibilitySeconds = 5; // of the queue of a run: the shortest there is
export const attemptsMax = 3; // of the queue of a run, before an item is a dead letter

export interface PushAsked {
  readonly payload: string;
  readonly id?: string;
  readonly group?: string;
}

export interface PulledItem {
  readonly sequence: number;
  readonly attempt: number;
  readonly payload: string;
  readonly group?: string | undefined;
}

export interface PullHeard {
  readonly items: readonly PulledItem[];
}

/** The value of `ack`, `nack` and `extend`. */
export interface SettleAsked {
  readonly sequence: number;
  readonly attempt: number;
}

export interface SettleHeard {
  readonly settled: boolean;
}

/** What was there in the end, when nobody worked any more. */
export interface Left {
  readonly items: readonly Pick<PulledItem, 'sequence' | 'payload'>[];
  readonly dead: readonly Pick<PulledItem, 'sequence' | 'payload'>[];
}

export function judgeQueue(
  operations: readonly Operation[],
  left: Left | undefined,
): readonly string[] {
  const of = (name: string): readonly Operation[] =>
    operations.filter(({ operation }) => operation === name);
  const settles = [...of('ack'), ...of('nack'), ...of('extend')].toSorted(
    (a, b) => a.start - b.start,
  );
  const pushed = of('push')
    .filter(({ outcome }) => outcome === 'ok')
    .map(({ value, heard }) => ({
      ...(value as PushAsked),
      sequence: (heard as { readonly sequence: number }).sequence,
    }));
  const told = new Set(pushed.map(({ payload }) => payload));
  const unknown = of('push')
    .filter(({ outcome }) => outcome === 'unknown')
    .map(({ value }) => (value as PushAsked).payload)
    .filter((payload) => !told.has(payload));
  const servings = of('pull')
    .filter(({ outcome }) => outcome === 'ok')
    .flatMap((pull) => servingsOf(pull, settles));
  const served = servings.map(({ serving }) => serving);
  const sequenceOf = ({ value }: Operation): number => (value as SettleAsked).sequence;
  const acks = of('ack');
  const acked = acks
    .filter(({ outcome, heard }) => outcome === 'ok' && isSettled(heard))
    .map((ack) => ({ sequence: sequenceOf(ack), atMs: ack.endMs }));
  const perhapsAcked = acks.filter(({ outcome }) => outcome === 'unknown').map(sequenceOf);
  return [
    ...checkQueueHistory({
      pushed,
      unknown,
      served,
      acked,
      perhapsAcked,
      attemptsMax,
      ...(left === undefined
        ? {}
        : {
            left: {
              items: left.items.map(({ sequence }) => sequence),
              dead: left.dead.map(({ sequence }) => sequence),
            },
          }),
    }),
    ...servings.flatMap(({ wrongs }) => wrongs),
    ...twice([...pushed, ...served, ...(left?.items ?? []), ...(left?.dead ?? [])]),
  ];
}

function isSettled(heard: unknown): boolean {
  return (heard as SettleHeard | undefined)?.settled === true;
}

interface Served {
  readonly serving: QueueServing;
  readonly wrongs: readonly string[];
}

function servingsOf(pull: Operation, settles: readonly Operation[]): readonly Served[] {
  const { process, startMs, endMs, heard } = pull;
  return (heard as PullHeard).items.map(({ sequence, attempt, payload, group }) => {
    const own = settles.filter(({ value }) => {
      const receipt = value as SettleAsked;
      return receipt.sequence === sequence && receipt.attempt === attempt;
    });
    const { endedMs, earlyMs } = workedUntil(startMs, own);
    const base = { sequence, attempt, payload, group, consumer: process };
    return {
      serving: { ...base, servedMs: endMs, endedMs: Math.max(endMs, endedMs) },
      wrongs:
        earlyMs === undefined
          ? []
          : [`${sequence} was taken from ${process} ${earlyMs} ms too early`],
    };
  });
}

/** Until when it was hidden from others for certain, or its consumer was done with it. */
function workedUntil(
  sentMs: number,
  own: readonly Operation[],
): { readonly endedMs: number; readonly earlyMs: number | undefined } {
  let untilMs = sentMs + visibilitySeconds * 1_000;
  let endedMs: number | undefined;
  for (const { operation, outcome, heard, startMs, endMs } of own) {
    const isFirst = endedMs === undefined;
    if (operation === 'extend') {
      untilMs =
        outcome === 'ok' && isSettled(heard) ? startMs + visibilitySeconds * 1_000 : untilMs;
    } else {
      endedMs ??= Math.min(untilMs, startMs);
    }
    // What was lost after a call that nobody answered may be what that call did.
    if (outcome === 'ok' && !isSettled(heard) && isFirst && endMs < untilMs) {
      return { endedMs: Math.min(untilMs, startMs), earlyMs: Math.round(untilMs - endMs) };
    }
  }
  return { endedMs: endedMs ?? untilMs, earlyMs: undefined };
}

/** Every payload of a run is pushed as one item: two numbers for it are one too many. */
function twice(items: readonly Pick<PulledItem, 'sequence' | 'payload'>[]): readonly string[] {
  const sequences = new Map<string, Set<number>>();
  const payloads = new Map<number, Set<string>>();
  for (const { sequence, payload } of items) {
    sequences.set(payload, (sequences.get(payload) ?? new Set()).add(sequence));
    payloads.set(sequence, (payloads.get(sequence) ?? new Set()).add(payload));
  }
  return [
    ...[...sequences]
      .filter(([, all]) => all.size > 1)
      .map(([payload, all]) => `${payload} was pushed once and is ${[...all].join(' and ')}`),
    ...[...payloads]
      .filter(([, all]) => all.size > 1)
      .map(([sequence, all]) => `${sequence} is ${[...all].join(' and ')}`),
  ];
}
