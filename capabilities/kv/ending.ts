// The end of leases: what stands under one is deleted by changes like any other, so that mirrors
// and watches see it. Which have ended, the store says; whoever comes next goes on where a crash
// left it.
import {
  createKeyedMutex,
  deletePrefix,
  isHansaError,
  listAndWatch,
  unpackKey,
  utf8,
  type Clock,
  type Entry,
  type KeyedMutex,
  type KeyValueStore,
  type LocalId,
  type Log,
} from '@hansa/foundation';
import { transactOpsMax } from './contract.ts';
import type { LeaseTables, LivingLease } from './lease-keys.ts';
import { leaseNotFound, livingOp, type Leasing } from './leasing.ts';
import type { Work, Writing } from './writing.ts';

export interface EndingNeeds {
  readonly store: KeyValueStore;
  readonly clock: Clock;
  readonly log: Log;
  readonly tables: LeaseTables;
  readonly leasing: Leasing;
  readonly writing: Writing;
}

export interface Ending {
  /** Ends a lease now; resolves with how many keys went with it. LEASE_NOT_FOUND. */
  revoke(space: LocalId, lease: string): Promise<number>;
  /** Of a space that is gone: nothing of its leases stays. */
  forget(space: LocalId): Promise<void>;
  /** Ends what has ended, for as long as the signal lets it. */
  keepEnding(signal: AbortSignal): Promise<void>;
}

interface Parts extends EndingNeeds {
  readonly turns: KeyedMutex<string>;
}

export function createEnding(needs: EndingNeeds): Ending {
  const parts: Parts = { ...needs, turns: createKeyedMutex() };
  return {
    async revoke(space, lease) {
      const { store, tables } = parts;
      const row = await tables.living.get(space, lease);
      if (row === undefined) {
        throw leaseNotFound(lease);
      }
      await revoked(store, row.value);
      return end(parts, { space, lease });
    },
    forget: (space) => forget(parts, space),
    keepEnding: (signal) => keepEnding(parts, signal),
  };
}

/** One that has ended in this moment is as good as revoked. */
async function revoked(store: KeyValueStore, { storeLease }: LivingLease): Promise<void> {
  try {
    await store.leaseRevoke(storeLease);
  } catch (error) {
    if (!isHansaError(error, 'STORE_LEASE_NOT_FOUND')) {
      throw error;
    }
  }
}

interface LeaseName {
  readonly space: LocalId;
  readonly lease: string;
}

async function keepEnding(parts: Parts, signal: AbortSignal): Promise<void> {
  const { store, clock, tables } = parts;
  const prefix = tables.living.prefix();
  for await (const step of listAndWatch(store, { prefix }, { signal, clock })) {
    const ended =
      'list' in step
        ? await endedBeside(parts, step.list)
        : step.events.flatMap(({ type, key }) => (type === 'delete' ? [nameIn(key)] : []));
    await endAll(parts, ended);
  }
}

function nameIn(key: Uint8Array): LeaseName {
  const [, space, lease] = unpackKey(key);
  return { space: String(space) as LocalId, lease: String(lease) };
}

/** Leases of which nothing says that they live. */
async function endedBeside(parts: Parts, list: readonly Entry[]): Promise<readonly LeaseName[]> {
  const { tables } = parts;
  const living = new Set<string>();
  for (const entry of list) {
    const row = tables.living.row(entry);
    living.add(row.key.join(' '));
    if (entry.lease === undefined) {
      await renew(parts, row.value);
    }
  }
  const ended: LeaseName[] = [];
  for await (const { key, value } of tables.leases.rows()) {
    if (!living.has(key.join(' '))) {
      ended.push(value);
    }
  }
  return ended;
}

/** What was carried here from another store has its whole time again: its lease stayed there. */
async function renew({ store, tables }: Parts, living: LivingLease): Promise<void> {
  const { space, lease } = living;
  const row = await tables.leases.get(space, lease);
  if (row === undefined) {
    await store.batchWrite([tables.living.delete([space, lease])]);
    return;
  }
  const { id: storeLease } = await store.leaseGrant(row.value.ttlSeconds);
  await store.batchWrite([livingOp(tables, { ...living, storeLease })]);
}

const endedAtOnce = 32; // they share few changes of their space; more would keep others waiting

/** Each by itself: one that cannot be ended now keeps no other. Throws where there was one. */
async function endAll(parts: Parts, ended: readonly LeaseName[]): Promise<void> {
  const failures: unknown[] = [];
  for (let at = 0; at < ended.length; at += endedAtOnce) {
    const some = ended.slice(at, at + endedAtOnce);
    const done = await Promise.allSettled(some.map((one) => end(parts, one)));
    done.forEach((each, index) => {
      if (each.status === 'rejected') {
        const { space = '', lease = '' } = some[index] ?? {};
        parts.log.problem('kv.lease-unended', each.reason, { space, lease });
        failures.push(each.reason);
      }
    });
  }
  if (failures.length > 0) {
    throw failures[0];
  }
}

function end(parts: Parts, { space, lease }: LeaseName): Promise<number> {
  const { tables, leasing, store, turns } = parts;
  return turns.run(`${space} ${lease}`, async () => {
    leasing.close(space, lease);
    if ((await tables.leases.get(space, lease)) === undefined) {
      return 0;
    }
    // Read after it was closed: what is attached later is not written.
    const keys: string[] = [];
    for await (const { value } of tables.attached.rows(space, lease)) {
      keys.push(value.key);
    }
    let deleted = 0;
    for (let at = 0; at < keys.length; at += transactOpsMax) {
      deleted += await deleteUnder(parts, { space, lease }, keys.slice(at, at + transactOpsMax));
    }
    // In one step, so that nothing is attached to a lease that is no more.
    await store.batchWrite([
      tables.leases.delete([space, lease]),
      { delete: { prefix: tables.attached.prefix(space, lease) } },
    ]);
    return deleted;
  });
}

async function deleteUnder(
  { writing }: Parts,
  { space, lease }: LeaseName,
  keys: readonly string[],
): Promise<number> {
  const work: Work<number> = {
    keys,
    ops: keys.length,
    bytes: keys.reduce((sum, key) => sum + utf8(key).length, 0),
    decide(standing) {
      // What was written since without the lease, or under another one, stays.
      const due = keys.filter((key) => standing(key).cell?.lease === lease);
      return { writes: new Map(due.map((key) => [key, undefined])), answer: () => due.length };
    },
  };
  try {
    return await writing.run(space, work);
  } catch (error) {
    if (isHansaError(error, 'RESOURCE_NOT_FOUND')) {
      return 0; // gone with everything in it
    }
    throw error;
  }
}

async function forget({ store, tables, leasing }: Parts, space: LocalId): Promise<void> {
  for await (const { value } of tables.living.rows(space)) {
    leasing.close(space, value.lease);
    await revoked(store, value);
  }
  for (const each of [tables.living, tables.attached, tables.leases]) {
    await deletePrefix(store, each.prefix(space));
  }
}
