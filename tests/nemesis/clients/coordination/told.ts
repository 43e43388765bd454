// What several clients of coordination have in common: an answer that says that something is lost
// is an answer, and whoever heard none asks again.
import { setTimeout as later } from 'node:timers/promises';
import type { Asked, Heard } from '../../../../testkit/nemesis/history.ts';
import type { ClientNeeds } from '../client.ts';

export const ttlSeconds = 5; // the shortest there is: much of it ends by itself
export const waitMs = 1_000; // of what waits: shorter than the patience of who asks
const askAgainMs = 200; // after no answer, and after one that others were first
const asksMax = 12; // so often the same is asked: as long as a takeover lasts

/** What was lost already, as COORDINATION_LOST tells it. */
export interface Lost {
  readonly lost: true;
}

/** COORDINATION_LOST tells something, and certainly: as an answer. */
export async function lostToo(asking: Promise<Heard>): Promise<Heard> {
  const heard = await asking;
  return heard.outcome !== 'ok' && heard.why.startsWith('COORDINATION_LOST')
    ? { outcome: 'ok', value: { lost: true } satisfies Lost }
    : heard;
}

export function isLost(heard: unknown): heard is Lost {
  return typeof heard === 'object' && heard !== null && 'lost' in heard && heard.lost === true;
}

/** The same until somebody answers: whoever repeats it changes nothing, as its contract says. */
export async function untilAnswered(
  { name, recorder, random, signal }: ClientNeeds,
  asked: Asked,
  work: () => Promise<Heard>,
): Promise<unknown> {
  for (let asks = 0; asks < asksMax; asks += 1) {
    const heard = await recorder.record(name, asked, work);
    if (heard.outcome === 'ok') {
      return heard.value;
    }
    if (signal.aborted) {
      return undefined;
    }
    await pause({ random, signal }, askAgainMs);
  }
  return undefined;
}

export async function pause(
  { random, signal }: Pick<ClientNeeds, 'random' | 'signal'>,
  mostMs: number,
): Promise<void> {
  await later(random.between(0, mostMs), undefined, { signal }).catch(() => undefined);
}
