// What recorded clients of locks, semaphores and elections heard, read as holds, and judged: never
// two holders, tokens only rise, nobody loses a hold before its time, and the guarded thing refuses
// nobody who holds.
import { checkLockHistory, checkPermitHistory, type LockHold } from '../../coordination-model.ts';
import type { Operation } from '../history.ts';

export type HoldKind = 'lock' | 'semaphore' | 'election';

export interface Token {
  readonly name: string;
  readonly token: number;
}

/** The value of `acquire`, whose key is the kind; those of others name the holder alike. */
export interface AcquireAsked {
  readonly holder: string;
  readonly names: readonly string[];
  readonly shared?: boolean;
  readonly permits?: number;
}

export interface AcquireHeard {
  readonly tokens: readonly Token[];
  readonly ttlSeconds: number;
}

/** The value of `guard`, which hears whether it was accepted. */
export interface GuardAsked extends Token {
  readonly kind: HoldKind;
  readonly holder: string;
  /** It knew that its time was over. */
  readonly late: boolean;
}

export const semaphoreCapacity = 3; // of every semaphore of a run: two large claims are too many

export function judgeHolds(operations: readonly Operation[]): readonly string[] {
  const held = (kind: HoldKind): readonly Held[] => heldOf(operations, kind);
  const [locks, permits, terms] = [held('lock'), held('semaphore'), held('election')];
  return [
    ...checkLockHistory(locks.flatMap(({ holds }) => holds)),
    ...checkLockHistory(terms.flatMap(({ holds }) => holds)),
    ...checkPermitHistory(
      permits.flatMap(({ holds }) => holds),
      semaphoreCapacity,
    ),
    ...[...locks, ...permits, ...terms].flatMap(({ wrongs }) => wrongs),
    ...judgeGuard(operations),
    ...judgeLooks(operations),
  ];
}

interface Held {
  readonly holds: readonly LockHold[];
  readonly wrongs: readonly string[];
}

function heldOf(operations: readonly Operation[], kind: HoldKind): readonly Held[] {
  const byHolder = new Map<string, Operation[]>();
  for (const one of operations.filter(({ key }) => key === kind)) {
    const { holder } = one.value as { readonly holder: string };
    const same = byHolder.get(holder) ?? [];
    same.push(one);
    byHolder.set(holder, same);
  }
  return [...byHolder].flatMap(([holder, own]) => {
    const read = readHold(holder, own);
    return read === undefined ? [] : [read];
  });
}

/** All that one holder did, in its order: one thing after the other. */
function readHold(holder: string, own: readonly Operation[]): Held | undefined {
  const sorted = own.toSorted((a, b) => a.start - b.start);
  const acquired = sorted.find(
    ({ operation, outcome }) => operation === 'acquire' && outcome === 'ok',
  );
  const [asked] = sorted;
  if (acquired === undefined || asked === undefined) {
    return undefined;
  }
  const { shared = false, permits = 1 } = acquired.value as AcquireAsked;
  const { tokens, ttlSeconds } = acquired.heard as AcquireHeard;
  const after = sorted.filter(({ start }) => start > acquired.start);
  const { endedMs, lostMs } = lengthOf(acquired.startMs, ttlSeconds * 1_000, after);
  const lowered = after.find(({ operation }) => operation === 'downgrade');
  const base = { holder, permits, askedMs: asked.startMs };
  const holds = tokens.flatMap(({ name, token }): LockHold[] => {
    const own = { ...base, name, token };
    const whole = { ...own, shared, grantedMs: acquired.endMs, endedMs };
    if (lowered === undefined || lowered.startMs >= endedMs) {
      return [whole];
    }
    const later = { ...own, shared: true, grantedMs: lowered.endMs, endedMs };
    const isTold = lowered.outcome === 'ok' && !isLost(lowered.heard);
    return [{ ...whole, endedMs: lowered.startMs }, ...(isTold ? [later] : [])];
  });
  const wrongs = lostMs === undefined ? [] : [`${holder} lost its hold ${lostMs} ms too early`];
  return { holds, wrongs };
}

/** Until when its holder could believe that it holds, and how much too early it was lost. */
function lengthOf(
  sentMs: number,
  ttlMs: number,
  after: readonly Operation[],
): { readonly endedMs: number; readonly lostMs: number | undefined } {
  let untilMs = sentMs + ttlMs;
  for (const { operation, outcome, heard, startMs, endMs } of after) {
    if (operation === 'release') {
      return { endedMs: Math.min(untilMs, startMs), lostMs: undefined };
    }
    if (outcome === 'ok' && isLost(heard)) {
      const early = Math.round(untilMs - endMs);
      return { endedMs: Math.min(untilMs, startMs), lostMs: early > 0 ? early : undefined };
    }
    if (operation === 'renew' && outcome === 'ok') {
      untilMs = startMs + ttlMs;
    }
  }
  return { endedMs: untilMs, lostMs: undefined };
}

function isLost(heard: unknown): boolean {
  return typeof heard === 'object' && heard !== null && 'lost' in heard;
}

/** Whoever is in time is never refused, and whoever is late never after a newer one wrote. */
function judgeGuard(operations: readonly Operation[]): readonly string[] {
  const writes = operations
    .filter(({ operation }) => operation === 'guard')
    .toSorted((a, b) => a.start - b.start);
  const last = new Map<string, GuardAsked>();
  return writes.flatMap(({ value, heard }) => {
    const one = value as GuardAsked;
    const thing = `${one.kind} ${one.name}`;
    const before = last.get(thing);
    if (heard === true) {
      last.set(thing, one);
    }
    const shown = `${one.holder} (token ${one.token})`;
    const after = before === undefined ? 'nobody' : `${before.holder} (token ${before.token})`;
    if (heard === false && !one.late) {
      return [`the guard of ${thing} refused ${shown}, who held it, after ${after}`];
    }
    const isNewer = before !== undefined && before.holder !== one.holder && !before.late;
    if (heard === true && one.late && isNewer && one.token <= before.token) {
      return [`the guard of ${thing} took ${shown}, who was late, after ${after}`];
    }
    return [];
  });
}

/** What is looked at shows at least what somebody was told before. */
function judgeLooks(operations: readonly Operation[]): readonly string[] {
  const told = operations.flatMap(({ operation, outcome, key, heard, endMs }) =>
    operation === 'acquire' && outcome === 'ok'
      ? (heard as AcquireHeard).tokens.map(({ name, token }) => ({
          thing: `${key} ${name}`,
          token,
          endMs,
        }))
      : [],
  );
  return operations
    .filter(({ operation, outcome }) => operation === 'get' && outcome === 'ok')
    .flatMap(({ key, heard, startMs }) => {
      const before = told.filter(({ thing, endMs }) => thing === key && endMs <= startMs);
      const most = Math.max(0, ...before.map(({ token }) => token));
      return before.length > 0 && (heard as number) < most
        ? [`${key} showed ${String(heard)} as its last token after ${most} was given`]
        : [];
    });
}
