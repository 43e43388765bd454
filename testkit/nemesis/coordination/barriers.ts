// What recorded parties of a barrier heard, judged: nobody goes on before all have come, none is
// done before all have left, and no two meetings are one.
import type { Operation } from '../history.ts';

export const parties = 3; // of the barrier of a run

/** The value of `enter` and `leave`: turns of a participant are numbered. */
export interface MeetAsked {
  readonly participant: string;
  readonly turn: number;
}

export interface EnterHeard {
  readonly generation: number;
  readonly ttlSeconds: number;
}

export interface LeaveHeard {
  readonly remaining: number;
}

interface Visit extends MeetAsked {
  readonly generation: number;
  /** When it was first asked for. */
  readonly askedMs: number;
  readonly answeredMs: number;
  /** Without a renewal by the node, it may have been gone from then on. */
  readonly goneMs: number;
  /** When it was first said that it leaves. */
  readonly leavesMs: number;
}

export function judgeBarrier(operations: readonly Operation[]): readonly string[] {
  const enters = operations.filter(({ operation }) => operation === 'enter');
  const leaves = operations.filter(({ operation }) => operation === 'leave');
  const visits = enters
    .filter(({ outcome }) => outcome === 'ok')
    .map((enter) => visitOf(enter, { enters, leaves }));
  return [
    ...visits.flatMap((visit) => judgeEntry(visit, { enters, visits })),
    ...judgeGenerations(visits),
    ...leaves.flatMap((leave) => judgeLeaving(leave, visits)),
  ];
}

function visitOf(
  enter: Operation,
  all: { readonly enters: readonly Operation[]; readonly leaves: readonly Operation[] },
): Visit {
  const asked = enter.value as MeetAsked;
  const { generation, ttlSeconds } = enter.heard as EnterHeard;
  const firstMs = (operations: readonly Operation[]): number =>
    Math.min(...operations.filter((one) => isSame(one, asked)).map(({ startMs }) => startMs));
  return {
    ...asked,
    generation,
    askedMs: firstMs(all.enters),
    answeredMs: enter.endMs,
    goneMs: enter.startMs + ttlSeconds * 1_000,
    leavesMs: firstMs(all.leaves),
  };
}

function isSame({ value }: Operation, { participant, turn }: MeetAsked): boolean {
  const one = value as MeetAsked;
  return one.participant === participant && one.turn === turn;
}

/** All parties have asked by then; one that was told of another meeting was not at this one. */
function judgeEntry(
  visit: Visit,
  all: { readonly enters: readonly Operation[]; readonly visits: readonly Visit[] },
): readonly string[] {
  const { generation, answeredMs, participant } = visit;
  const came = new Set([participant]);
  const before = all.enters.filter(
    ({ startMs, outcome }) => startMs < answeredMs && outcome !== 'fail',
  );
  for (const enter of before) {
    const asked = enter.value as MeetAsked;
    const told = all.visits.find((one) => isSame(enter, one));
    // Of whom nobody knows whether they were let in, any turn may be the one.
    if (told === undefined || told.generation === generation) {
      came.add(asked.participant);
    }
  }
  const what = `${participant} was let in to meeting ${generation}`;
  return came.size < parties ? [`${what} when ${came.size} of ${parties} had come`] : [];
}

/** Nobody is at one meeting in two of its turns, and whoever comes later is at a later one. */
function judgeGenerations(visits: readonly Visit[]): readonly string[] {
  return visits.flatMap((one) =>
    visits.flatMap((other) => {
      const isLater = one.answeredMs <= other.askedMs && one.participant === other.participant;
      return isLater && other.generation <= one.generation
        ? [`${one.participant} was at meeting ${one.generation} and then at ${other.generation}`]
        : [];
    }),
  );
}

/** With none remaining, everybody has said so, or was not heard of for its time. */
function judgeLeaving(leave: Operation, visits: readonly Visit[]): readonly string[] {
  const own = visits.find((visit) => isSame(leave, visit));
  const { outcome, heard, endMs } = leave;
  if (own === undefined || outcome !== 'ok' || (heard as LeaveHeard).remaining > 0) {
    return [];
  }
  return visits
    .filter(({ generation }) => generation === own.generation)
    .filter(({ leavesMs, goneMs }) => leavesMs > endMs && goneMs > endMs)
    .map(
      ({ participant, generation }) =>
        `${own.participant} was done with meeting ${generation} before ${participant} left`,
    );
}
