// The kinds that are registered here, the sessions of the programs that serve them, and the work
// that is owed to them.
import {
  HansaError,
  momentText,
  toHex,
  watchedTable,
  type Clock,
  type Codec,
  type KeyValueStore,
  type Log,
  type Random,
  type Row,
  type WatchedTable,
} from '@hansa/foundation';
import type { KindHost } from '../sync/contract.ts';
import type { ExternalKind } from './contract.ts';
import { kindTables, type KindTables, type OwedWork, type StoredKind } from './keys.ts';
import { createSession, type Session } from './session.ts';

const leaseBytes = 16; // an answer proves with it that it belongs to this session

export interface KnownKindsNeeds {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
}

export interface KnownKinds {
  readonly kinds: WatchedTable<StoredKind>;
  readonly tables: KindTables;
  /** What sync lets a kind do, once it is registered there. */
  readonly hosts: Map<string, KindHost>;
  /** KIND_UNKNOWN. */
  require(kind: string): StoredKind;
  shown(kind: StoredKind): ExternalKind;
  /** Undefined while no program serves the kind. */
  session(kind: string): Session | undefined;
  /** KIND_UNAVAILABLE, since when. */
  requireSession(kind: string): Session;
  /** KIND_PROVIDED where another program serves the kind and is not taken over. */
  open(kind: string, provider: string, takeover: boolean): Promise<Session>;
  close(kind: string, session: Session, reason: HansaError): Promise<void>;
  owe(work: OwedWork & { readonly kind: string }): Promise<void>;
  /** What is owed to the program of a kind, in the order in which it has to be told. */
  owed(kind: string): Promise<readonly Row<OwedWork>[]>;
  /** After it was answered; what was owed anew meanwhile stays. */
  forgive(kind: string, row: Row<OwedWork>): Promise<void>;
}

export function createKnownKinds(needs: KnownKindsNeeds): KnownKinds {
  const tables = kindTables(needs.store, needs.codec);
  const kinds = watchedTable(needs.store, tables.kinds);
  const sessions = new Map<string, Session>();
  const require = (kind: string): StoredKind => {
    const row = kinds.find(kind);
    if (row === undefined) {
      throw new HansaError('KIND_UNKNOWN', `no program has registered the kind "${kind}" here`, {
        fix: 'hansa kind list',
      });
    }
    return row.value;
  };
  const live = (kind: string): Session | undefined => {
    const session = sessions.get(kind);
    return session?.signal.aborted === false ? session : undefined;
  };
  return {
    kinds,
    tables,
    hosts: new Map(),
    require,
    session: live,
    shown: (kind) => shownKind(kind, live(kind.kind)),
    requireSession(kind) {
      const session = live(kind);
      if (session === undefined) {
        throw unserved(require(kind));
      }
      return session;
    },
    ...opening({ ...needs, tables, sessions, live, require }),
    ...owing({ ...needs, tables, nudge: (kind) => live(kind)?.nudge() }),
  };
}

function opening(
  needs: KnownKindsNeeds & {
    readonly tables: KindTables;
    readonly sessions: Map<string, Session>;
    readonly live: KnownKinds['session'];
    readonly require: KnownKinds['require'];
  },
): Pick<KnownKinds, 'open' | 'close'> {
  const { clock, log, sessions } = needs;
  return {
    async open(kind, provider, takeover) {
      needs.require(kind);
      const before = needs.live(kind);
      if (before !== undefined && before.provider !== provider && !takeover) {
        throw new HansaError('KIND_PROVIDED', `"${before.provider}" serves the kind "${kind}"`, {
          fix: 'end that program, or take over with takeover=true',
        });
      }
      const lease = toHex(needs.random.bytes(leaseBytes));
      const session = createSession({ clock, kind, provider, lease });
      sessions.set(kind, session);
      before?.end(new HansaError('KIND_PROVIDED', `"${provider}" took over the kind "${kind}"`));
      await noteServed(needs, kind);
      log.event('kind.served', { kind, provider });
      return session;
    },
    async close(kind, session, reason) {
      session.end(reason);
      if (sessions.get(kind) === session) {
        sessions.delete(kind);
        log.event('kind.unserved', { kind, provider: session.provider, code: reason.code });
        await noteServed(needs, kind);
      }
    },
  };
}

/** So that people can be told since when nobody serves a kind, also after a restart. */
async function noteServed(
  { store, clock, tables }: KnownKindsNeeds & { readonly tables: KindTables },
  kind: string,
): Promise<void> {
  const row = await tables.kinds.get(kind);
  if (row !== undefined) {
    const key = tables.kinds.key(kind);
    await store.transact({
      if: [{ key, target: 'modRevision', op: '=', operand: row.modRevision }],
      then: [tables.kinds.put([kind], { ...row.value, servedMs: clock.now() })],
    });
  }
}

function owing(
  needs: KnownKindsNeeds & { readonly tables: KindTables; nudge(kind: string): void },
): Pick<KnownKinds, 'owe' | 'owed' | 'forgive'> {
  const { store, tables, nudge } = needs;
  return {
    async owe({ kind, type, resource, epoch }) {
      const put = tables.owed.put([kind, resource, type, epoch], { type, resource, epoch });
      await store.batchWrite([put]);
      nudge(kind);
    },
    async owed(kind) {
      const found: Row<OwedWork>[] = [];
      for await (const row of tables.owed.rows(kind)) {
        found.push(row);
      }
      return found;
    },
    async forgive(kind, { value: { resource, type, epoch }, modRevision }) {
      const key = tables.owed.key(kind, resource, type, epoch);
      await store.compareAndDelete(key, { modRevision });
    },
  };
}

function shownKind(stored: StoredKind, session: Session | undefined): ExternalKind {
  return {
    ...stored,
    ...(session === undefined
      ? {}
      : {
          provider: {
            name: session.provider,
            sinceMs: session.sinceMs,
            waiting: session.waiting,
          },
        }),
  };
}

function unserved({ kind, servedMs }: StoredKind): HansaError {
  const since =
    servedMs === undefined ? 'has served it yet' : `serves it since ${momentText(servedMs)}`;
  return new HansaError('KIND_UNAVAILABLE', `kind "${kind}": no program ${since}`, {
    facts: { kind, ...(servedMs === undefined ? {} : { servedMs }) },
  });
}
