// What this cluster knows of everybody's keys: its own from its log, its peers' from the proofs
// they showed and the steps they told. Kept in the store, so that a key once rotated away stays so.
import {
  fromHex,
  HansaError,
  watchedTable,
  type ClusterId,
  type Codec,
  type Clock,
  type Crypto,
  type KeyValueStore,
  type Log,
  type WatchedTable,
} from '@hansa/foundation';
import {
  certificateSkewMs,
  keyBookClustersMax,
  type KeyBook,
  type KeyFork,
  type KeyLog,
} from './contract.ts';
import { firstFork, presentClaim, verifyKeyLog } from './key-log.ts';
import { identityTables, type IdentityTables, type PeerKeys } from './keys.ts';
import { createTwinWatch } from './twins.ts';

export interface KeyBookNeeds {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly log: Log;
  /** Our own, as it is in force. */
  own(): KeyLog;
  /** A cluster shows itself in so many processes by turns. */
  seenTwice(cluster: ClusterId, instances: number): void;
}

/** A key book with its keeper's hand on it. */
export interface KeptKeyBook {
  readonly book: KeyBook;
  /**
   * What a proof says against what is known: KEY_RETIRED for a log that ends before ours of them,
   * KEY_FORKED for one that contradicts it, which is then remembered.
   */
  judge(log: KeyLog): void;
  forget(cluster: ClusterId): Promise<void>;
  /** Own keys changed. */
  changed(cluster: ClusterId): void;
  start(signal: AbortSignal): Promise<void>;
}

interface Kept extends KeyBookNeeds {
  readonly tables: IdentityTables;
  readonly peers: WatchedTable<PeerKeys>;
  /** Verified and on their way to the store: heads signed with the newest key may come first. */
  readonly fresh: Map<ClusterId, KeyLog>;
}

export function createKeyBook(needs: KeyBookNeeds): KeptKeyBook {
  const tables = identityTables(needs.store, needs.codec);
  const peers = watchedTable(needs.store, tables.peers);
  const kept: Kept = { ...needs, tables, peers, fresh: new Map() };
  const watch = createTwinWatch(needs.clock);
  const listeners = new Set<(cluster: ClusterId) => void>();
  let ownChanges = 0;
  const tell = (cluster: ClusterId): void => listeners.forEach((listener) => listener(cluster));
  peers.subscribe((key) => {
    const changed = key === undefined ? [...peers.rows.values()].map((row) => row.key[0]) : key;
    changed.forEach((cluster) => tell(cluster as ClusterId));
  });
  const book: KeyBook = {
    keyOf: (cluster, keyIndex) => keyOf(kept, cluster, keyIndex),
    signing: (cluster, claim) => signing(kept, cluster, claim),
    present(cluster) {
      const { keyIndex, key } = presentOf(kept, cluster);
      return { keyIndex, key: fromHex(key) };
    },
    log: (cluster) => logOf(kept, cluster),
    fork: (cluster) => peers.find(cluster)?.value.fork,
    blocked: (cluster) => isBlocked(peers.find(cluster)?.value),
    learn: (log) => learn(kept, log),
    met(cluster, instance) {
      const instances = watch.met(cluster, instance);
      if (instances !== undefined) {
        needs.seenTwice(cluster, instances);
      }
    },
    twins: (cluster) => watch.twins(cluster),
    get generation() {
      return peers.generation + ownChanges;
    },
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
  };
  return {
    book,
    judge: (log) => judge(kept, log),
    async forget(cluster) {
      const { deleted, revision } = await needs.store.delete(tables.peers.key(cluster));
      if (deleted === 1) {
        await peers.reached(revision);
      }
    },
    changed(cluster) {
      ownChanges += 1;
      tell(cluster);
    },
    start: (signal) => peers.start(signal, needs.clock),
  };
}

function logOf(kept: Kept, cluster: ClusterId): KeyLog | undefined {
  const own = kept.own();
  if (cluster === own.inception.cluster) {
    return own;
  }
  const held = kept.peers.find(cluster)?.value.log;
  const fresh = kept.fresh.get(cluster);
  return (fresh?.rotations.length ?? -1) > (held?.rotations.length ?? -1) ? fresh : held;
}

function presentOf(kept: Kept, cluster: ClusterId): { keyIndex: number; key: string } {
  const log = logOf(kept, cluster);
  return log === undefined ? { keyIndex: 0, key: cluster } : presentClaim(log);
}

/** A cluster's first key is its name: nothing need be known of it. */
function keyOf(kept: Kept, cluster: ClusterId, keyIndex: number): Uint8Array | undefined {
  const key = keyIndex === 0 ? cluster : logOf(kept, cluster)?.rotations[keyIndex - 1]?.key;
  return key === undefined ? undefined : fromHex(key);
}

function signing(
  kept: Kept,
  cluster: ClusterId,
  { keyIndex, atMs }: { readonly keyIndex: number; readonly atMs: number },
): Uint8Array {
  const name = `${cluster.slice(0, 8)}…`;
  if (isBlocked(kept.peers.find(cluster)?.value)) {
    throw forkedKeys(name);
  }
  const key = keyOf(kept, cluster, keyIndex);
  if (key === undefined) {
    throw new HansaError('KEY_UNKNOWN', `key ${keyIndex} of ${name} is not known here yet`);
  }
  const successor = logOf(kept, cluster)?.rotations[keyIndex];
  if (successor !== undefined && atMs > successor.createdMs + certificateSkewMs) {
    throw new HansaError(
      'KEY_RETIRED',
      `${name} had rotated key ${keyIndex} away before this was signed with it`,
    );
  }
  return key;
}

/** Two inception records block nobody: a stolen key makes as many as its thief likes. */
function isBlocked(held: PeerKeys | undefined): boolean {
  return held?.fork !== undefined && held.fork.held.keyIndex > 0;
}

function forkedKeys(name: string): HansaError {
  return new HansaError(
    'KEY_FORKED',
    `${name} has signed two records for one rotation: nobody can tell which one is its own`,
  );
}

function judge(kept: Kept, log: KeyLog): void {
  const { cluster } = log.inception;
  const name = `${cluster.slice(0, 8)}…`;
  const held = kept.peers.find(cluster)?.value;
  if (cluster === kept.own().inception.cluster || held === undefined) {
    return;
  }
  if (isBlocked(held)) {
    throw forkedKeys(name);
  }
  const fork = firstFork(held.log, log);
  if (fork !== undefined) {
    rememberFork(kept, cluster, { ...fork, seenMs: kept.clock.now() }).catch((error: unknown) =>
      kept.log.problem('identity.fork-unkept', error, { cluster }),
    );
    throw fork.held.keyIndex > 0
      ? forkedKeys(name)
      : new HansaError('KEY_FORKED', `this is not the inception record that ${name} is known by`);
  }
  if (log.rotations.length < held.log.rotations.length) {
    throw new HansaError(
      'KEY_RETIRED',
      `${name} has rotated to key ${held.log.rotations.length} since; ` +
        `this is somebody with its key ${log.rotations.length}`,
    );
  }
}

async function rememberFork(kept: Kept, cluster: ClusterId, fork: KeyFork): Promise<void> {
  kept.log.problem(
    'identity.forked',
    new HansaError('KEY_FORKED', 'two records claim one step of a cluster’s keys'),
    { cluster, keyIndex: fork.held.keyIndex },
  );
  // A fork that blocks is never covered by one that does not.
  await change(kept, cluster, (held) =>
    held === undefined || isBlocked(held) ? held : { ...held, fork },
  );
}

async function learn(kept: Kept, log: KeyLog): Promise<number> {
  const { cluster } = log.inception;
  const own = kept.own();
  if (cluster === own.inception.cluster) {
    return own.rotations.length;
  }
  verifyKeyLog(kept.crypto, log);
  for (;;) {
    const held = kept.peers.find(cluster)?.value;
    if (held === undefined && kept.peers.rows.size >= keyBookClustersMax) {
      throw new HansaError(
        'STORE_LIMIT',
        `the keys of ${keyBookClustersMax} clusters are known here, the most there may be`,
        { fix: 'hansa identity forget, for a peer that will not come back' },
      );
    }
    if (held !== undefined && log.rotations.length <= held.log.rotations.length) {
      // Nothing new can be in it; whether it contradicts what is known is looked at all the same.
      judge(kept, { ...log, rotations: padded(log, held.log) });
      return held.log.rotations.length;
    }
    judge(kept, log);
    kept.fresh.set(cluster, log);
    try {
      if (await change(kept, cluster, (now) => (now === held ? { ...now, log } : undefined))) {
        kept.log.event('identity.learned', { cluster, keyIndex: log.rotations.length });
        return log.rotations.length;
      }
    } finally {
      kept.fresh.delete(cluster);
    }
  }
}

/** A shorter log that agrees is an older one: in what is told, that is no offence. */
function padded(log: KeyLog, held: KeyLog): KeyLog['rotations'] {
  return [...log.rotations, ...held.rotations.slice(log.rotations.length)];
}

/** False where somebody else wrote meanwhile, or `make` wants nothing written. */
async function change(
  { store, tables, peers }: Kept,
  cluster: ClusterId,
  make: (held: PeerKeys | undefined) => PeerKeys | undefined,
): Promise<boolean> {
  const row = peers.find(cluster);
  const next = make(row?.value);
  if (next === undefined || next === row?.value) {
    return false;
  }
  const key = tables.peers.key(cluster);
  const result = await store.transact({
    if: [{ key, target: 'modRevision', op: '=', operand: row?.modRevision ?? 0 }],
    then: [tables.peers.put([cluster], next)],
  });
  if (result.succeeded) {
    await peers.reached(result.revision);
  }
  return result.succeeded;
}
