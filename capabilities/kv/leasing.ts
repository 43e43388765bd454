// Leases while they live: granted, kept, and written under. That a key is about to be written under
// a lease is stored before it is, so that the end of the lease finds it whatever crashes between.
import {
  createKeyedMutex,
  HansaError,
  isHansaError,
  toHex,
  type Clock,
  type KeyedMutex,
  type KeyValueStore,
  type LocalId,
  type Op,
  type Random,
  type Row,
} from '@hansa/foundation';
import type { ResourceLog } from '../resources/contract.ts';
import { decodeCell, leaseKeysMax, leasesMax, transactOpsMax, type KvLease } from './contract.ts';
import type { FindingNeeds } from './finding.ts';
import { entryKey } from './keys.ts';
import type { LeaseTables, LivingLease, StoredLease } from './lease-keys.ts';

const leaseIdBytes = 8; // nobody comes upon somebody else's lease by a slip
const attemptsMax = 16; // every lost one is another node's success

export interface LeasingNeeds extends Pick<FindingNeeds, 'codec' | 'signer'> {
  readonly store: KeyValueStore;
  readonly clock: Clock;
  readonly random: Random;
  readonly resources: ResourceLog;
  readonly tables: LeaseTables;
}

export interface Granted {
  readonly lease: string;
  readonly ttlSeconds: number;
}

/** Keys of one space that are to be written under leases. */
export type Attaching = ReadonlyMap<string, readonly string[]>;

export interface Leasing {
  grant(space: LocalId, ttlSeconds: number): Promise<Granted>;
  keep(space: LocalId, lease: string): Promise<Granted>;
  /**
   * Runs a write under leases. LEASE_NOT_FOUND where one of them has ended, also while the write
   * waits: it asks `requireLiving` when it is decided.
   */
  writing<T>(space: LocalId, attaching: Attaching, write: () => Promise<T>): Promise<T>;
  requireLiving(space: LocalId, leases: Iterable<string>): void;
  /** From now on, nothing more is written under it. */
  close(space: LocalId, lease: string): void;
  /** What lives, and the keys that stand under it now. LEASE_NOT_FOUND. */
  show(space: LocalId, lease: string): Promise<ShownLease>;
  living(space: LocalId): Promise<readonly KvLease[]>;
}

interface ShownLease extends KvLease {
  readonly leftSeconds: number;
  readonly keys: readonly string[];
}

interface Parts extends LeasingNeeds {
  /** One grant or count at a time. */
  readonly turns: KeyedMutex<string>;
  /** Leases that this process has seen alive, and not seen end. */
  readonly open: Set<string>;
  /** Writes on their way, by lease and key: what they are about to write must stay attached. */
  readonly pending: Map<string, number>;
  /** How often a lease was closed: what was read before one of them may be out of date. */
  closings: number;
}

export function createLeasing(needs: LeasingNeeds): Leasing {
  const parts: Parts = {
    ...needs,
    turns: createKeyedMutex(),
    open: new Set(),
    pending: new Map(),
    closings: 0,
  };
  return {
    grant: (space, ttlSeconds) => parts.turns.run(space, () => grant(parts, space, ttlSeconds)),
    keep: (space, lease) => keep(parts, space, lease),
    writing: (space, attaching, write) => writeUnder(parts, space, { attaching, write }),
    requireLiving(space, leases) {
      for (const lease of leases) {
        if (!parts.open.has(nameOf(space, lease))) {
          throw leaseNotFound(lease);
        }
      }
    },
    close(space, lease) {
      parts.open.delete(nameOf(space, lease));
      parts.closings += 1;
    },
    show: (space, lease) => show(parts, space, lease),
    living: (space) => livingIn(parts, space),
  };
}

/** Neither a local id nor a lease's id has a space in it. */
function nameOf(space: LocalId, lease: string): string {
  return `${space} ${lease}`;
}

export function leaseNotFound(lease: string, cause?: unknown): HansaError {
  return new HansaError('LEASE_NOT_FOUND', `there is no lease ${lease} here, or it has ended`, {
    cause,
  });
}

async function grant(parts: Parts, space: LocalId, ttlSeconds: number): Promise<Granted> {
  const { store, clock, random, tables } = parts;
  const held = await store.scan({ prefix: tables.leases.prefix(space) }, { keysOnly: true });
  if (held.entries.length >= leasesMax) {
    throw new HansaError('STORE_LIMIT', `${space} has ${leasesMax} leases, the most there may be`);
  }
  const lease = toHex(random.bytes(leaseIdBytes));
  const storeLease = await store.leaseGrant(ttlSeconds);
  const grantedMs = clock.now();
  await store.batchWrite([
    tables.leases.put([space, lease], { space, lease, ttlSeconds, grantedMs, attached: 0 }),
    livingOp(tables, { space, lease, storeLease: storeLease.id }),
  ]);
  return { lease, ttlSeconds };
}

/** A row that goes with the store's lease. */
export function livingOp(tables: LeaseTables, row: LivingLease): Op {
  const op = tables.living.put([row.space, row.lease], row);
  return 'put' in op ? { put: { ...op.put, lease: row.storeLease } } : op;
}

async function keep({ store, tables }: Parts, space: LocalId, lease: string): Promise<Granted> {
  const row = await tables.living.get(space, lease);
  if (row === undefined) {
    throw leaseNotFound(lease);
  }
  const { storeLease } = row.value;
  const { ttlSeconds } = await store.leaseKeepAlive(storeLease).catch(endedError(lease));
  return { lease, ttlSeconds };
}

function endedError(lease: string): (error: unknown) => never {
  return (error) => {
    throw isHansaError(error, 'STORE_LEASE_NOT_FOUND') ? leaseNotFound(lease, error) : error;
  };
}

async function show(parts: Parts, space: LocalId, lease: string): Promise<ShownLease> {
  const { store, tables } = parts;
  const living = await tables.living.get(space, lease);
  const row = await tables.leases.get(space, lease);
  if (living === undefined || row === undefined) {
    throw leaseNotFound(lease);
  }
  const left = await store.leaseTimeToLive(living.value.storeLease).catch(endedError(lease));
  const keys = await standingUnder(parts, space, lease);
  return { ...shownLease(row.value), leftSeconds: left.ttlSeconds, keys };
}

async function livingIn({ tables }: Parts, space: LocalId): Promise<readonly KvLease[]> {
  const living = new Set<string>();
  for await (const { value } of tables.living.rows(space)) {
    living.add(value.lease);
  }
  const found: KvLease[] = [];
  for await (const { value } of tables.leases.rows(space)) {
    if (living.has(value.lease)) {
      found.push(shownLease(value));
    }
  }
  return found.toSorted((a, b) => a.grantedMs - b.grantedMs);
}

function shownLease({ lease, ttlSeconds, grantedMs }: StoredLease): KvLease {
  return { lease, ttlSeconds, grantedMs };
}

async function writeUnder<T>(
  parts: Parts,
  space: LocalId,
  { attaching, write }: { readonly attaching: Attaching; write(): Promise<T> },
): Promise<T> {
  const pending = [...attaching].flatMap(([lease, keys]) =>
    keys.map((key) => `${nameOf(space, lease)} ${key}`),
  );
  pending.forEach((one) => parts.pending.set(one, (parts.pending.get(one) ?? 0) + 1));
  try {
    for (const [lease, keys] of attaching) {
      await requireAlive(parts, space, lease);
      await parts.turns.run(nameOf(space, lease), () => attachAll(parts, { space, lease, keys }));
    }
    return await write();
  } finally {
    pending.forEach((one) => forgetPending(parts.pending, one));
  }
}

function forgetPending(pending: Map<string, number>, one: string): void {
  const left = (pending.get(one) ?? 1) - 1;
  if (left === 0) {
    pending.delete(one);
  } else {
    pending.set(one, left);
  }
}

/** Where one was closed while the store was asked, the answer may be older than that. */
async function requireAlive(parts: Parts, space: LocalId, lease: string): Promise<void> {
  for (;;) {
    const before = parts.closings;
    const row = await parts.tables.living.get(space, lease);
    if (row === undefined) {
      throw leaseNotFound(lease);
    }
    if (before === parts.closings) {
      parts.open.add(nameOf(space, lease));
      return;
    }
  }
}

interface Attach {
  readonly space: LocalId;
  readonly lease: string;
  readonly keys: readonly string[];
}

async function attachAll(parts: Parts, { space, lease, keys }: Attach): Promise<void> {
  for (let at = 0; at < keys.length; at += transactOpsMax) {
    await attach(parts, { space, lease, keys: keys.slice(at, at + transactOpsMax) });
  }
}

/** What is attached already costs a read; what is not, one write for all of it. */
async function attach(parts: Parts, { space, lease, keys }: Attach): Promise<void> {
  const { store, tables } = parts;
  for (let attempt = 1; ; attempt += 1) {
    const { entries } = await store.batchRead(
      keys.map((key) => tables.attached.key(space, lease, entryKey(key))),
    );
    const fresh = keys.filter((_, index) => entries[index] === null);
    if (fresh.length === 0) {
      return;
    }
    const row = await roomFor(parts, { space, lease, keys: fresh });
    const stored = { ...row.value, attached: row.value.attached + fresh.length };
    const operand = row.modRevision;
    const { succeeded } = await store.transact({
      if: [{ key: tables.leases.key(space, lease), target: 'modRevision', op: '=', operand }],
      then: [
        tables.leases.put([space, lease], stored),
        ...fresh.map((key) => tables.attached.put([space, lease, entryKey(key)], { key })),
      ],
    });
    if (succeeded) {
      return;
    }
    if (attempt >= attemptsMax) {
      throw new HansaError('CONFLICT', `lease ${lease} was changed at the same time`);
    }
  }
}

async function roomFor(parts: Parts, { space, lease, keys }: Attach): Promise<Row<StoredLease>> {
  const found = await parts.tables.leases.get(space, lease);
  if (found === undefined) {
    throw leaseNotFound(lease);
  }
  if (found.value.attached + keys.length <= leaseKeysMax) {
    return found;
  }
  const pruned = await prune(parts, space, found);
  if (pruned.value.attached + keys.length > leaseKeysMax) {
    throw new HansaError('STORE_LIMIT', `lease ${lease} has ${leaseKeysMax} keys, the most`, {
      fix: 'grant another lease for more keys',
    });
  }
  return pruned;
}

/** Forgets keys that were deleted, or written again without the lease. */
async function prune(
  parts: Parts,
  space: LocalId,
  row: Row<StoredLease>,
): Promise<Row<StoredLease>> {
  const { store, tables, pending } = parts;
  const { lease } = row.value;
  const idle: string[] = [];
  for await (const { value } of tables.attached.rows(space, lease)) {
    const isPending = pending.has(`${nameOf(space, lease)} ${value.key}`);
    if (!isPending && !(await standsUnder(parts, { space, lease, key: value.key }))) {
      idle.push(value.key);
    }
  }
  let present = row;
  for (let at = 0; at < idle.length; at += transactOpsMax) {
    const some = idle.slice(at, at + transactOpsMax);
    const next = { ...present.value, attached: present.value.attached - some.length };
    const operand = present.modRevision;
    const { succeeded, revision } = await store.transact({
      if: [{ key: tables.leases.key(space, lease), target: 'modRevision', op: '=', operand }],
      then: [
        tables.leases.put([space, lease], next),
        ...some.map((key) => tables.attached.delete([space, lease, entryKey(key)])),
      ],
    });
    if (!succeeded) {
      throw new HansaError('CONFLICT', `lease ${lease} was changed at the same time`);
    }
    present = { ...present, value: next, modRevision: revision };
  }
  return present;
}

async function standsUnder(
  { resources, codec, signer }: Parts,
  { space, lease, key }: { readonly space: LocalId; readonly lease: string; readonly key: string },
): Promise<boolean> {
  const entry = await resources.entry(space, entryKey(key));
  return entry !== undefined && decodeCell(codec, entry.value, signer.cluster).lease === lease;
}

async function standingUnder(
  parts: Parts,
  space: LocalId,
  lease: string,
): Promise<readonly string[]> {
  const keys: string[] = [];
  for await (const { value } of parts.tables.attached.rows(space, lease)) {
    if (await standsUnder(parts, { space, lease, key: value.key })) {
      keys.push(value.key);
    }
  }
  return keys;
}
