// What recorded histories of locks, permits, queues, sequences and rate limiters must satisfy,
// whoever recorded them: a test on a hand clock, or a nemesis on real nodes. Pure: a history in,
// sentences about what is wrong with it out. Times are one observer's, in milliseconds.

/** A hold as its holder believed it. */
export interface LockHold {
  readonly name: string;
  readonly holder: string;
  readonly token: number;
  readonly shared?: boolean;
  /** When it was asked for. */
  readonly askedMs: number;
  /** When the answer came: from then on, the holder acts. */
  readonly grantedMs: number;
  /**
   * When the holder stopped acting: before it sent the release, or when its time was over, counted
   * from before the last renewal that was answered was sent.
   */
  readonly endedMs: number;
  /** 1 where absent. */
  readonly permits?: number;
}

/** Never two holders (a shared one beside shared ones is none), and tokens only rise. */
export function checkLockHistory(holds: readonly LockHold[]): readonly string[] {
  return byName(holds).flatMap(([name, all]) => {
    const sorted = all.toSorted((a, b) => a.grantedMs - b.grantedMs);
    const wrong: string[] = [];
    pairs(sorted, (before, after) => {
      const both = before.shared === true && after.shared === true;
      if (!both && overlap(before, after)) {
        wrong.push(`${name}: ${shown(before)} and ${shown(after)} held at once`);
      }
    });
    return [...wrong, ...checkTokens(name, sorted)];
  });
}

/** Never more permits than there are, and tokens only rise. */
export function checkPermitHistory(
  holds: readonly LockHold[],
  capacity: number,
): readonly string[] {
  return byName(holds).flatMap(([name, all]) => {
    const wrong = all.flatMap((one) => {
      // What is held is most at the beginning of some hold.
      const held = all
        .filter(({ grantedMs, endedMs }) => grantedMs <= one.grantedMs && one.grantedMs < endedMs)
        .reduce((sum, { permits = 1 }) => sum + permits, 0);
      return held > capacity && one.endedMs > one.grantedMs
        ? [`${name}: ${held} of ${capacity} permits were held when ${shown(one)} began`]
        : [];
    });
    return [...wrong, ...checkTokens(name, all)];
  });
}

/** A token is of one holder, and whoever asked after another was answered has a larger one. */
function checkTokens(name: string, holds: readonly LockHold[]): readonly string[] {
  const wrong: string[] = [];
  pairs(holds, (one, other) => {
    if (one.token === other.token && one.holder !== other.holder) {
      wrong.push(`${name}: ${shown(one)} and ${shown(other)} have one token`);
    }
    for (const [before, after] of [
      [one, other],
      [other, one],
    ] as const) {
      const isAnew = before.holder !== after.holder || before.endedMs <= after.askedMs;
      if (isAnew && before.grantedMs <= after.askedMs && after.token <= before.token) {
        wrong.push(`${name}: the token fell from ${shown(before)} to ${shown(after)}`);
      }
    }
  });
  return wrong;
}

/** Who heard of it when it was over already has held nothing. */
function overlap(a: LockHold, b: LockHold): boolean {
  const held = a.grantedMs < a.endedMs && b.grantedMs < b.endedMs;
  return held && a.grantedMs < b.endedMs && b.grantedMs < a.endedMs;
}

function shown({ holder, token }: LockHold): string {
  return `${holder} (token ${token})`;
}

function byName(holds: readonly LockHold[]): readonly (readonly [string, readonly LockHold[]])[] {
  const names = [...new Set(holds.map(({ name }) => name))];
  return names.map((name) => [name, holds.filter((hold) => hold.name === name)] as const);
}

function pairs<T>(all: readonly T[], look: (a: T, b: T) => void): void {
  all.forEach((a, at) => all.slice(at + 1).forEach((b) => look(a, b)));
}

export interface QueueHistory {
  /** Pushes that were answered. */
  readonly pushed: readonly QueuePush[];
  /** Pushes whose answer was lost: they may be there, at most once each. */
  readonly unknown?: readonly string[];
  readonly served: readonly QueueServing[];
  /** Acknowledgements that were answered as settled. */
  readonly acked: readonly { readonly sequence: number; readonly atMs: number }[];
  /** Acknowledgements whose answer was lost: each of these may be done. */
  readonly perhapsAcked?: readonly number[];
  /** What was found at the end, when nobody worked any more; absent where nobody looked. */
  readonly left?: { readonly items: readonly number[]; readonly dead: readonly number[] };
  readonly attemptsMax: number;
}

export interface QueuePush {
  readonly sequence: number;
  readonly payload: string;
  readonly group?: string | undefined;
}

export interface QueueServing {
  readonly sequence: number;
  readonly attempt: number;
  readonly payload: string;
  readonly group?: string | undefined;
  readonly consumer: string;
  readonly servedMs: number;
  /**
   * When the consumer stopped working at it: before it sent ack or nack, or when its time was over,
   * counted from before the pull was sent.
   */
  readonly endedMs: number;
}

/**
 * Nothing lost, nothing served to two at once or after it was done, nothing more often than the
 * queue allows, and groups in their order.
 */
export function checkQueueHistory(history: QueueHistory): readonly string[] {
  return [
    ...checkServings(history),
    ...checkDone(history),
    ...checkGroups(history),
    ...checkNothingLost(history),
  ];
}

function checkServings({ pushed, unknown = [], served, attemptsMax }: QueueHistory): string[] {
  const wrong: string[] = [];
  const payloads = new Map(pushed.map(({ sequence, payload }) => [sequence, payload]));
  for (const { sequence, payload, attempt } of served) {
    const expected = payloads.get(sequence);
    if (expected === undefined ? !unknown.includes(payload) : expected !== payload) {
      wrong.push(`${sequence} was served as "${payload}", which nobody pushed under it`);
    }
    if (attempt > attemptsMax) {
      wrong.push(`${sequence} was served ${attempt} times, more than ${attemptsMax}`);
    }
  }
  pairs(served, (a, b) => {
    if (a.sequence !== b.sequence) {
      return;
    }
    if (a.attempt === b.attempt) {
      wrong.push(`attempt ${a.attempt} of ${a.sequence} was served twice`);
    }
    const [first, second] = a.attempt < b.attempt ? [a, b] : [b, a];
    if (first.servedMs < second.endedMs && second.servedMs < first.endedMs) {
      wrong.push(`${a.sequence} was with ${a.consumer} and ${b.consumer} at once`);
    }
  });
  return wrong;
}

function checkDone({ acked, served }: QueueHistory): string[] {
  const wrong: string[] = [];
  pairs(acked, (a, b) => {
    if (a.sequence === b.sequence) {
      wrong.push(`${a.sequence} was acknowledged twice`);
    }
  });
  for (const { sequence, atMs } of acked) {
    if (served.some((each) => each.sequence === sequence && each.servedMs > atMs)) {
      wrong.push(`${sequence} was served after it was done`);
    }
  }
  return wrong;
}

/** The first time that a later one of a group is served, the one before it is done or dead. */
function checkGroups({ served, acked }: QueueHistory): string[] {
  const doneMs = new Map<number, number>();
  for (const { sequence, atMs } of acked) {
    doneMs.set(sequence, Math.min(atMs, doneMs.get(sequence) ?? atMs));
  }
  const wrong: string[] = [];
  for (const later of served.filter(({ group }) => group !== undefined)) {
    for (const earlier of served) {
      const isBefore = earlier.group === later.group && earlier.sequence < later.sequence;
      const isDone = (doneMs.get(earlier.sequence) ?? Number.POSITIVE_INFINITY) <= later.servedMs;
      if (isBefore && !isDone && earlier.servedMs > later.servedMs) {
        wrong.push(`${later.sequence} overtook ${earlier.sequence} of its group`);
      }
    }
  }
  return wrong;
}

function checkNothingLost({ pushed, acked, perhapsAcked, left }: QueueHistory): string[] {
  if (left === undefined) {
    return [];
  }
  const done = new Set(acked.map(({ sequence }) => sequence));
  const there = new Set([...left.items, ...left.dead]);
  const perhaps = new Set(perhapsAcked);
  return pushed.flatMap(({ sequence }) => {
    const mayBeDone = !there.has(sequence) && perhaps.has(sequence);
    if (done.has(sequence) === there.has(sequence) && !mayBeDone) {
      const what = done.has(sequence) ? 'is there after it was done' : 'is lost';
      return [`${sequence} ${what}`];
    }
    return [];
  });
}

/** Numbers that were given, with when. */
export interface SequenceGift {
  readonly first: number;
  readonly last: number;
  readonly askedMs: number;
  readonly answeredMs: number;
}

/** None twice, and whoever asked later has later ones. */
export function checkSequenceHistory(gifts: readonly SequenceGift[]): readonly string[] {
  const wrong: string[] = [];
  let furthest: SequenceGift | undefined;
  for (const gift of gifts.toSorted((a, b) => a.first - b.first)) {
    if (furthest !== undefined && gift.first <= furthest.last) {
      const both = [furthest, gift].map(({ first, last }) => `${first}-${last}`);
      wrong.push(`${both.join(' and ')} were both given`);
    }
    furthest = furthest === undefined || gift.last > furthest.last ? gift : furthest;
  }
  const answered = gifts.toSorted((a, b) => a.answeredMs - b.answeredMs);
  let told = 0; // of those that were answered: all before the next was asked
  let most = 0;
  for (const { first, askedMs } of gifts.toSorted((a, b) => a.askedMs - b.askedMs)) {
    for (let next = answered[told]; next !== undefined && next.answeredMs <= askedMs;) {
      most = Math.max(most, next.last);
      told += 1;
      next = answered[told];
    }
    if (first <= most) {
      wrong.push(`${first} was given after ${most}`);
    }
  }
  return wrong;
}

/** Tokens that were taken, when the one who took them went on. */
export interface TokensTaken {
  readonly tokens: number;
  readonly askedMs: number;
  readonly allowedMs: number;
}

/**
 * In no span of time more than the burst and what came in it. When a token was taken is known only
 * as between asking and the answer: what counts for a span lies in it with both.
 */
export function checkLimiterHistory(
  taken: readonly TokensTaken[],
  rate: { readonly perSecond: number; readonly burst: number },
): readonly string[] {
  const sorted = taken.toSorted((a, b) => a.allowedMs - b.allowedMs);
  return sorted.flatMap(({ askedMs: fromMs }) => {
    let sum = 0;
    return sorted.flatMap(({ tokens, askedMs, allowedMs: toMs }) => {
      sum += askedMs >= fromMs ? tokens : 0;
      const most = rate.burst + (rate.perSecond * Math.max(0, toMs - fromMs)) / 1_000;
      return askedMs >= fromMs && sum > most + roundingTokens
        ? [`${sum} tokens were taken within ${toMs - fromMs} ms, more than ${most}`]
        : [];
    });
  });
}

const roundingTokens = 0.01; // a wait is a whole number of milliseconds
