// Sessions: begun by a login, known by the hash of their text, ended by time, by people, or because
// their user may no longer log in.
import {
  createMutex,
  HansaError,
  type Call,
  type Clock,
  type Crypto,
  type KeyValueStore,
  type Log,
  type Random,
  type WatchedTable,
} from '@hansa/foundation';
import type { Directories } from '../directory/contract.ts';
import type { LoggedIn } from './contract.ts';
import {
  sessionIdleMs,
  sessionsMax,
  sessionsPerUserMax,
  sessionTotalMs,
  sessionUseGapMs,
  type SessionRow,
} from './fields.ts';
import type { LoginTables, SessionRecord } from './keys.ts';
import { principalOf } from './people.ts';
import { hashText, markText, sameText, sessionId, sessionText } from './secrets.ts';
import type { PrincipalCaller } from './uses.ts';

export const proofPrefix = 'session:';
const deletesPerTransaction = 50; // half of what a transaction may hold
const shownLengthMax = 200; // of an address or a program's name, as strangers send them

export interface SessionsNeeds {
  readonly store: KeyValueStore;
  readonly clock: Clock;
  readonly crypto: Crypto;
  readonly random: Random;
  readonly log: Log;
  readonly directories: Directories;
  readonly tables: Pick<LoginTables, 'sessions'>;
  readonly sessions: WatchedTable<SessionRecord>;
}

export interface SessionBook {
  begin(given: { user: string; by: string }, call: Call | undefined): Promise<LoggedIn>;
  /** UNAUTHENTICATED */
  authenticate(text: string): PrincipalCaller;
  requireMark(text: string, mark: string | undefined): void;
  /** Undefined where there is none, or it is over. */
  find(id: string): SessionRecord | undefined;
  /** When it ends by itself, where it is not used. */
  endsMs(session: SessionRow): number;
  /** Of everybody, the newest first. */
  rows(): readonly SessionRecord[];
  /** How many there were. */
  end(which: (session: SessionRecord) => boolean): Promise<number>;
}

export function createSessionBook(needs: SessionsNeeds): SessionBook {
  const { clock, crypto, sessions } = needs;
  const beginning = createMutex(); // so that two logins do not make room for one
  const use = using(needs);
  const isOver = (session: SessionRow): boolean => endsMs(session) <= clock.now();
  const find = (id: string): SessionRecord | undefined => {
    const held = sessions.find(id)?.value;
    return held === undefined || isOver(held) || !mayLogIn(needs, held) ? undefined : held;
  };
  const ofText = (text: string): SessionRecord => {
    const held = find(sessionId(crypto, text));
    if (held === undefined || !sameText(crypto, held.hash, hashText(crypto, text))) {
      throw new HansaError('UNAUTHENTICATED', 'the session is over, or never was', {
        fix: 'log in again: hansa login --user <name>; to go on without: hansa logout',
      });
    }
    return held;
  };
  return {
    find,
    endsMs,
    end: (which) => end(needs, which),
    rows: () =>
      allOf(needs)
        .filter((each) => !isOver(each))
        .toSorted((a, b) => b.createdMs - a.createdMs || (a.id < b.id ? -1 : 1)),
    begin: (given, call) => beginning.run(() => begin(needs, given, call)),
    authenticate(text) {
      const session = ofText(text);
      use(session);
      const { id, principal, expiresMs } = session;
      return { kind: 'principal', principal, proof: `${proofPrefix}${id}`, expiresMs };
    },
    requireMark(text, mark) {
      if (mark === undefined || !sameText(crypto, ofText(text).mark, mark)) {
        throw new HansaError('FORBIDDEN', 'the request does not carry its session’s mark', {
          fix: 'send what GET /session answers as "mark" in the header Hansa-Mark',
        });
      }
    },
  };
}

function allOf({ sessions }: SessionsNeeds): SessionRecord[] {
  return [...sessions.rows.values()].map(({ value }) => value);
}

async function end(
  needs: SessionsNeeds,
  which: (session: SessionRecord) => boolean,
): Promise<number> {
  const { store, tables, sessions } = needs;
  const ending = allOf(needs).filter(which);
  for (let at = 0; at < ending.length; at += deletesPerTransaction) {
    const some = ending.slice(at, at + deletesPerTransaction);
    const { revision } = await store.transact({
      if: [],
      then: some.map(({ id }) => tables.sessions.delete([id])),
    });
    await sessions.reached(revision);
  }
  return ending.length;
}

/** In passing: a request does not wait for it, and one that ended meanwhile stays ended. */
function using({
  store,
  clock,
  log,
  tables,
  sessions,
}: SessionsNeeds): (session: SessionRecord) => void {
  const writing = new Set<string>();
  return ({ id, usedMs }) => {
    const row = sessions.find(id);
    if (row === undefined || clock.now() - usedMs < sessionUseGapMs || writing.has(id)) {
      return;
    }
    writing.add(id);
    const key = tables.sessions.key(id);
    const value = { ...row.value, usedMs: clock.now() };
    store
      .transact({
        if: [{ key, target: 'modRevision', op: '=', operand: row.modRevision }],
        then: [tables.sessions.put([id], value)],
      })
      .then(({ revision, succeeded }) => (succeeded ? sessions.reached(revision) : undefined))
      .catch((error: unknown) => log.problem('session.use-not-kept', error))
      .finally(() => writing.delete(id));
  };
}

async function begin(
  needs: SessionsNeeds,
  { user, by }: { user: string; by: string },
  call: Call | undefined,
): Promise<LoggedIn> {
  const { store, clock, crypto, random, log, tables, sessions } = needs;
  const principal = principalOf(user);
  await makeRoom(needs, principal);
  const text = sessionText(random);
  const nowMs = clock.now();
  const session: SessionRecord = {
    id: sessionId(crypto, text),
    hash: hashText(crypto, text),
    principal,
    by,
    mark: markText(random),
    createdMs: nowMs,
    usedMs: nowMs,
    expiresMs: nowMs + sessionTotalMs,
    source: shown(call?.source),
    agent: shown(call?.agent),
  };
  const { id, mark, expiresMs } = session;
  const put = tables.sessions.put([id], session);
  const { revision } = await store.transact({ if: [], then: [put] });
  await sessions.reached(revision);
  log.event('session.begun', { user, by, source: session.source, id });
  return { session: text, id, mark, principal, expiresMs };
}

function endsMs({ usedMs, expiresMs }: SessionRow): number {
  return Math.min(usedMs + sessionIdleMs, expiresMs);
}

function mayLogIn({ directories }: SessionsNeeds, { principal }: SessionRow): boolean {
  return directories.find(principal)?.disabled === false;
}

/** The one that was unused the longest gives way: of the same user, or of all. */
async function makeRoom(needs: SessionsNeeds, principal: string): Promise<void> {
  const over = (some: readonly SessionRecord[], max: number): readonly string[] =>
    some.length < max
      ? []
      : some
          .toSorted((a, b) => a.usedMs - b.usedMs)
          .slice(0, some.length - max + 1)
          .map(({ id }) => id);
  const all = allOf(needs);
  const own = all.filter((each) => each.principal === principal);
  const leaving = new Set([...over(own, sessionsPerUserMax), ...over(all, sessionsMax)]);
  if (leaving.size > 0) {
    await end(needs, ({ id }) => leaving.has(id));
  }
}

function shown(text: string | undefined): string {
  return (text ?? '').replaceAll(/\p{C}/gu, '').slice(0, shownLengthMax);
}
