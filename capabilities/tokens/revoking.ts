// The revocation list and the list of issued ids: both bounded, and free of what has run out.
import {
  createMutex,
  HansaError,
  type Clock,
  type ClusterId,
  type KeyValueStore,
  type Op,
  type Revision,
  type WatchedTable,
} from '@hansa/foundation';
import {
  issuedMax,
  revocationsMax,
  tokenSkewMs,
  tokenTtlMaxMs,
  type Revocation,
  type Revoked,
} from './contract.ts';
import type { FollowedRecord, IssuedRecord, ReceivedRecord, TokenTables } from './keys.ts';

export interface LedgerNeeds {
  readonly store: KeyValueStore;
  readonly clock: Clock;
  readonly tables: TokenTables;
  readonly issued: WatchedTable<IssuedRecord>;
  readonly revoked: WatchedTable<Revocation>;
  readonly received: WatchedTable<ReceivedRecord>;
  readonly followed: WatchedTable<FollowedRecord>;
}

export interface Ledger {
  /** Keeps the id of a token, before its text is shown to anybody. */
  issue(record: IssuedRecord): Promise<void>;
  revoke(jti: string): Promise<Revoked>;
  /** Revokes what was issued here by way of tokens that their own cluster took back. */
  takenBack(root: ClusterId, ids: readonly string[]): Promise<void>;
  /** Deletes what has run out. */
  clean(): Promise<void>;
}

export function createLedger(needs: LedgerNeeds): Ledger {
  const { store, tables, issued, revoked } = needs;
  const cleaning = createMutex();
  const clean = (): Promise<void> =>
    cleaning.run(async () => {
      for (const { rows, ops } of outdated(needs)) {
        for (let at = 0; at < ops.length; at += store.limits.transactionOpsMax) {
          await deleteRows(store, rows, ops.slice(at, at + store.limits.transactionOpsMax));
        }
      }
    });
  const makeRoom = async (
    rows: ReadonlyMap<string, unknown>,
    { max, more, what }: { max: number; more: number; what: string },
  ): Promise<void> => {
    if (rows.size + more > max) {
      await clean();
    }
    if (rows.size + more > max) {
      throw new HansaError('STORE_LIMIT', `there are ${rows.size} ${what}; at most ${max} may be`, {
        fix: 'they go as their tokens run out; issue shorter ones',
        facts: { max },
      });
    }
  };
  const revoke: Ledger['revoke'] = async (jti) => {
    const held = revoked.find(jti)?.value;
    const issuedHere = issued.find(jti) !== undefined;
    const alsoRevoked = descendants(issued, jti);
    const ids = [jti, ...alsoRevoked].filter((id) => revoked.find(id) === undefined);
    await makeRoom(revoked.rows, { max: revocationsMax, more: ids.length, what: 'revocations' });
    const made = ids.map((id) => revocationOf(needs, id));
    const perWrite = store.limits.transactionOpsMax;
    for (let at = 0; at < made.length; at += perWrite) {
      const puts = made.slice(at, at + perWrite).map((one) => tables.revoked.put([one.jti], one));
      const { revision } = await store.batchWrite(puts);
      await revoked.reached(revision);
    }
    return { ...(held ?? revocationOf(needs, jti)), issuedHere, alsoRevoked };
  };
  return {
    clean,
    revoke,
    async takenBack(root, ids) {
      const gone = new Set(ids);
      for (const { value } of issued.rows.values()) {
        const dies = value.viaRoot === root && value.via.some((id) => gone.has(id));
        if (dies && revoked.find(value.jti) === undefined) {
          await revoke(value.jti);
        }
      }
    },
    async issue(record) {
      await makeRoom(issued.rows, { max: issuedMax, more: 1, what: 'issued tokens' });
      const { revision } = await store.batchWrite([tables.issued.put([record.jti], record)]);
      await issued.reached(revision);
    },
  };
}

/**
 * A token that was made here by whoever came with a token does not descend from it by its own word;
 * but it was never meant to outlive it.
 */
function descendants(issued: WatchedTable<IssuedRecord>, jti: string): readonly string[] {
  return [...issued.rows.values()].flatMap(({ value }) =>
    value.via.includes(jti) ? [value.jti] : [],
  );
}

function revocationOf({ clock, issued }: LedgerNeeds, jti: string): Revocation {
  const revokedMs = clock.now();
  const known = issued.find(jti)?.value.expiresMs;
  // Somebody else's child of a token: it was made already, so it runs out within a token's time.
  const expiresMs = known ?? revokedMs + tokenTtlMaxMs + tokenSkewMs;
  return { jti, revokedMs, untilMs: expiresMs + tokenSkewMs };
}

interface Outdated {
  readonly rows: { reached(revision: Revision): Promise<void> };
  readonly ops: readonly Op[];
}

/** Table by table: a table is told of no revision but those that change it. */
function outdated(needs: LedgerNeeds): readonly Outdated[] {
  const { clock, tables, issued, revoked, received, followed } = needs;
  const nowMs = clock.now();
  const forgotten = [...followed.rows.values()].filter(({ value }) => value.untilMs <= nowMs);
  const old = <T extends { readonly jti: string }>(
    { rows }: WatchedTable<T>,
    endOf: (value: T) => number,
  ): readonly string[] =>
    [...rows.values()].flatMap(({ value }) => (endOf(value) <= nowMs ? [value.jti] : []));
  const ended = {
    issued: old(issued, ({ expiresMs }) => expiresMs),
    revoked: old(revoked, ({ untilMs }) => untilMs),
    received: old(received, ({ expiresMs }) => expiresMs),
  };
  return [
    { rows: issued, ops: ended.issued.map((id) => tables.issued.delete([id])) },
    { rows: revoked, ops: ended.revoked.map((id) => tables.revoked.delete([id])) },
    { rows: received, ops: ended.received.map((id) => tables.received.delete([id])) },
    {
      rows: followed,
      ops: forgotten.map(({ value: { root, jti } }) => tables.followed.delete([root, jti])),
    },
  ];
}

/** Waits for the cache, unless another node has deleted all of them before. */
async function deleteRows(
  store: KeyValueStore,
  rows: Outdated['rows'],
  ops: readonly Op[],
): Promise<void> {
  const { results, revision } = await store.transact({ if: [], then: ops });
  if (results.some((result) => 'delete' in result && result.delete.deleted > 0)) {
    await rows.reached(revision);
  }
}
