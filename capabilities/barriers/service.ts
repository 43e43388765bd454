// Barriers: coming, waiting for the others, and leaving together.
import {
  cancellation,
  createStoreBell,
  HansaError,
  isHansaError,
  type Clock,
  type Codec,
  type KeyValueStore,
  type StoreBell,
} from '@hansa/foundation';
import {
  meetMsDefault,
  stayDefaultSeconds,
  type Barrier,
  type Barriers,
  type Entered,
} from './contract.ts';
import { barrierTables } from './keys.ts';
import {
  begin,
  depart,
  isOver,
  join,
  lookAt,
  type Coming,
  type Meeting,
  type MeetingNeeds,
} from './meeting.ts';

export interface BarriersNeeds {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly clock: Clock;
  /** Fewer than `barriersMax`, for tests. */
  readonly barriersMax?: number | undefined;
}

interface Parts extends MeetingNeeds {
  readonly clock: Clock;
  readonly bell: StoreBell;
}

const beatMs = 1_500; // several within the shortest time to live
const attemptsMax = 64; // each lost one means that somebody else has come or left

export function createBarriers(needs: BarriersNeeds): Barriers {
  const { store, codec } = needs;
  const parts: Parts = {
    ...needs,
    tables: barrierTables(store, codec),
    bell: createStoreBell(needs),
  };
  return {
    enter: (input, call) => {
      const { ttlSeconds = stayDefaultSeconds, waitMs = meetMsDefault } = input;
      return enter(parts, { ...input, ttlSeconds, waitMs, signal: call?.signal });
    },
    async renew({ barrier, participant }) {
      const own = (await lookAt(parts, barrier)).members.find(
        (member) => member.participant === participant,
      );
      try {
        return { ttlSeconds: (await store.leaseKeepAlive(own?.lease ?? '')).ttlSeconds };
      } catch (error) {
        if (own === undefined || isHansaError(error, 'STORE_LEASE_NOT_FOUND')) {
          throw lost(barrier, participant);
        }
        throw error;
      }
    },
    leave: ({ barrier, participant, waitMs = meetMsDefault }, call) =>
      leave(parts, { barrier, participant, waitMs, signal: call?.signal }),
    async show({ barrier }) {
      const meeting = await lookAt(parts, barrier);
      if (meeting.record === undefined || isOver(meeting)) {
        throw new HansaError('COORDINATION_NOT_FOUND', `nobody is at the barrier "${barrier}"`);
      }
      return shown(meeting, meeting.record);
    },
    async list() {
      const barriers: Barrier[] = [];
      for await (const { key } of parts.tables.meetings.rows()) {
        const meeting = await lookAt(parts, String(key[0]));
        if (meeting.record !== undefined && !isOver(meeting)) {
          barriers.push(shown(meeting, meeting.record));
        }
      }
      return { barriers };
    },
  };
}

function shown({ barrier, members }: Meeting, record: NonNullable<Meeting['record']>): Barrier {
  return { barrier, ...record, present: members.map(({ participant }) => participant) };
}

function lost(barrier: string, participant: string): HansaError {
  return new HansaError('COORDINATION_LOST', `${participant} is not at the barrier "${barrier}"`);
}

interface Asked {
  readonly barrier: string;
  readonly participant: string;
  readonly waitMs: number;
  readonly signal: AbortSignal | undefined;
}

type Entering = Asked & { readonly parties: number; readonly ttlSeconds: number };

async function enter(parts: Parts, asked: Entering): Promise<Entered> {
  const { store } = parts;
  const { barrier, participant, parties, ttlSeconds } = asked;
  const { id: lease } = await store.leaseGrant(ttlSeconds);
  const coming: Coming = { participant, parties, ttlSeconds, lease };
  let generation: number | undefined;
  try {
    generation = await waitFor(parts, asked, (meeting) => comeIn(parts, meeting, coming));
  } finally {
    generation ??= await withdraw(parts, asked, lease);
  }
  if (generation === undefined) {
    throw new HansaError('COORDINATION_BUSY', `not all have come to the barrier "${barrier}"`);
  }
  return { barrier, participant, generation, ttlSeconds };
}

/** The generation where all are there; undefined where it is to be looked at again. */
async function comeIn(
  parts: Parts,
  meeting: Meeting,
  coming: Coming,
): Promise<number | 'changed' | undefined> {
  const { record, members, barrier } = meeting;
  if (record === undefined || isOver(meeting)) {
    return (await underLease(() => begin(parts, meeting, coming))) ? undefined : 'changed';
  }
  if (record.parties !== coming.parties) {
    const sentence = `the barrier "${barrier}" is for ${record.parties}, not ${coming.parties}`;
    throw new HansaError('COORDINATION_DIFFERS', sentence, { facts: { parties: record.parties } });
  }
  const own = members.find(({ participant }) => participant === coming.participant);
  if (record.open) {
    // Who belongs to it goes on; others wait until it is gone.
    return own === undefined ? undefined : record.generation;
  }
  if (own !== undefined) {
    await keep(parts.store, own.lease);
    return undefined;
  }
  return (await underLease(() => join(parts, meeting, coming))) ? undefined : 'changed';
}

/** The process stood still for longer than its own lease. */
async function underLease(work: () => Promise<boolean>): Promise<boolean> {
  try {
    return await work();
  } catch (error) {
    if (isHansaError(error, 'STORE_LEASE_NOT_FOUND')) {
      throw new HansaError('COORDINATION_BUSY', 'the participant stood still for too long', {
        cause: error,
      });
    }
    throw error;
  }
}

async function keep(store: KeyValueStore, lease: string): Promise<void> {
  await store.leaseKeepAlive(lease).catch((error: unknown) => {
    if (!isHansaError(error, 'STORE_LEASE_NOT_FOUND')) {
      throw error;
    }
  });
}

/** It was not there; unless the barrier has opened meanwhile: then its generation. */
async function withdraw(
  parts: Parts,
  { barrier, participant }: Entering,
  lease: string,
): Promise<number | undefined> {
  for (let attempt = 0; attempt < attemptsMax; attempt += 1) {
    const meeting = await lookAt(parts, barrier);
    const own = meeting.members.find((member) => member.participant === participant);
    if (own?.lease !== lease) {
      break; // never there, or there by a later call of the same participant
    }
    if (meeting.record?.open === true) {
      return meeting.record.generation;
    }
    if (await depart(parts, meeting, participant)) {
      break;
    }
  }
  await parts.store.leaseRevoke(lease).catch(() => undefined);
  return undefined;
}

async function leave(parts: Parts, asked: Asked): Promise<{ readonly remaining: number }> {
  const { participant } = asked;
  let generation: number | undefined;
  let remaining = 0;
  await waitFor(parts, asked, async (meeting) => {
    const { record, members } = meeting;
    generation ??= record?.generation;
    const isSame = record !== undefined && record.generation === generation;
    const others = members.filter((member) => member.participant !== participant);
    remaining = isSame ? others.length : 0;
    if (isSame && others.length < members.length) {
      const done = await depart(parts, meeting, participant);
      return done && remaining === 0 ? 0 : 'changed';
    }
    return remaining === 0 ? 0 : undefined;
  });
  return { remaining };
}

/** Looks, and again after every change, until the look says a number or the wait is over. */
async function waitFor(
  parts: Parts,
  { barrier, waitMs, signal }: Asked,
  look: (meeting: Meeting) => Promise<number | 'changed' | undefined>,
): Promise<number | undefined> {
  const { clock, bell, tables } = parts;
  const untilMs = clock.monotonicMs() + waitMs;
  const seat = await bell.attend([tables.meetings.key(barrier), tables.members.prefix(barrier)]);
  try {
    for (let attempt = 0; attempt < attemptsMax;) {
      if (signal?.aborted === true) {
        throw cancellation(signal);
      }
      seat.hush();
      const found = await look(await lookAt(parts, barrier));
      if (typeof found === 'number') {
        return found;
      }
      if (found === 'changed') {
        attempt += 1;
        continue;
      }
      attempt = 0;
      const leftMs = untilMs - clock.monotonicMs();
      if (leftMs <= 0) {
        return undefined;
      }
      await seat.rung(Math.min(leftMs, beatMs), signal);
    }
    throw new HansaError('CONFLICT', 'the barrier changes too fast', { fix: 'try again' });
  } finally {
    seat.leave();
  }
}
