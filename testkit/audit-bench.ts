// Audits under a test's hand: the whole capability on a store in memory, and chains by themselves
// that a test may spoil.
import { auditCapability, type AuditCapability } from '@hansa/capabilities/audit/capability';
import {
  auditContract,
  auditId,
  type Audit,
  type AuditHead,
  type Countersignature,
} from '@hansa/capabilities/audit/contract';
import type { Mirrors } from '@hansa/capabilities/sync/contract';
import { createMsgpackCodec } from '@hansa/codec-msgpack';
import { createNodeCrypto } from '@hansa/crypto-node';
import {
  near,
  remote,
  scopeStore,
  serve,
  silentLog,
  type AuditEntry,
  type Carrier,
  type Clock,
  type ClusterId,
  type KeyValueStore,
} from '@hansa/foundation';
import { createMemoryStore } from '@hansa/store-memory';
import { createSystemClock, createSystemRandom } from '@hansa/system-node';
import { anchorKey, recordKey, tailKey } from '../capabilities/audit/keys.ts';
import {
  firstHash,
  nextRecord,
  type AuditAnchor,
  type AuditRecord,
  type AuditSaid,
} from '../capabilities/audit/record.ts';
import { countersign, signHead } from '../capabilities/audit/signing.ts';
import type { AuditChain } from '../capabilities/audit/chain.ts';
import { createHistory } from '../capabilities/resources/history.ts';
import { resourceTables } from '../capabilities/resources/keys.ts';
import { createResourceLog } from '../capabilities/resources/log.ts';
import type { ResourceLog } from '@hansa/capabilities/resources/contract';
import { noMirrors } from './no-mirrors.ts';
import {
  callerOf,
  carrierTo,
  createTestPeers,
  createTestSigner,
  linked,
  nodeOf,
  type TestPeers,
} from './test-cluster.ts';
import { createTestKeys } from './test-keys.ts';

export const auditCodec: ReturnType<typeof createMsgpackCodec> = createMsgpackCodec();
export const auditCrypto: ReturnType<typeof createNodeCrypto> = createNodeCrypto();
const codec = auditCodec;
const crypto = auditCrypto;

/** Time as it passes, and as much more as a test says. */
export interface MovedClock extends Clock {
  move(ms: number): void;
}

export function createMovedClock(): MovedClock {
  const clock = createSystemClock();
  let movedMs = 0;
  return {
    now: () => clock.now() + movedMs,
    monotonicMs: () => clock.monotonicMs() + movedMs,
    sleep: (ms, signal) => clock.sleep(ms, signal),
    move(ms) {
      movedMs += ms;
    },
  };
}

export interface AuditBench extends AuditCapability {
  readonly cluster: ClusterId;
  readonly byte: number;
  readonly name: string;
  readonly audit: Audit;
  readonly store: KeyValueStore;
  readonly peers: TestPeers;
  readonly log: ResourceLog;
  readonly clock: MovedClock;
  /** Runs its duties until the bench is closed. */
  run(): void;
  /** Writes an entry of the audit past everybody. */
  tamper(key: Uint8Array, value: Uint8Array | undefined): Promise<void>;
  /** What peers may call, as that cluster. */
  carrierFor(cluster: ClusterId, byte: number): Carrier;
  close(): Promise<void>;
}

export interface AuditBenchOptions {
  readonly store?: KeyValueStore;
  readonly mirrors?: Mirrors;
  readonly recordsMax?: number;
  readonly clock?: MovedClock;
}

export async function openAudit(
  byte: number,
  name: string,
  options: AuditBenchOptions = {},
): Promise<AuditBench> {
  const { clock = createMovedClock(), mirrors = noMirrors, recordsMax } = options;
  const { store = createMemoryStore({ clock }) } = options;
  const signer = createTestSigner(crypto, byte, name);
  const keys = createTestKeys();
  const random = createSystemRandom();
  const base = { codec, crypto, clock, random, signer, keys, log: silentLog };
  const owned = createResourceLog({ ...base, store: scopeStore(store, 'resources') });
  const caches = new AbortController();
  await owned.start(caches.signal);
  const peers = createTestPeers();
  const made = auditCapability({
    ...base,
    store: scopeStore(store, 'audit'),
    resources: owned.log,
    history: createHistory(crypto),
    peers,
    mirrors,
    recordsMax,
    intervalMs: 20,
  });
  await made.capability.start(caches.signal);
  const gate = {
    admit: () => undefined,
    authenticate: async () => ({ kind: 'owner' as const }),
    authorise: () => undefined,
    record: () => undefined,
  };
  const edge = serve(made.capability.serves, gate);
  const tables = resourceTables(scopeStore(store, 'resources'), codec);
  const duties: Promise<unknown>[] = [];
  const ending = new AbortController();
  return {
    ...made,
    cluster: signer.cluster,
    byte,
    name,
    audit: remote(auditContract, near(edge, { source: 'testkit' })),
    store,
    peers,
    log: owned.log,
    clock,
    run() {
      duties.push(...made.capability.duties.map((each) => each.run(ending.signal)));
    },
    async tamper(key, value) {
      const parts = [auditId, 1, key] as const;
      const old = await tables.entries.get(...parts);
      const version = old?.value.version ?? 1;
      const ops =
        value === undefined
          ? [tables.entries.delete(parts)]
          : [tables.entries.put(parts, { value, version, blobs: [] })];
      await scopeStore(store, 'resources').batchWrite(ops);
    },
    carrierFor: (caller, of) =>
      carrierTo(made.capability.servesPeers, callerOf(caller, nodeOf(crypto, of + 1))),
    async close() {
      ending.abort();
      await Promise.allSettled(duties);
      await made.capability.stop();
      await owned.rest();
      caches.abort();
    },
  };
}

/** Each may call the other. */
export function linkAudits(one: AuditBench, other: AuditBench): void {
  one.peers.set(linked(other.cluster, other.name), other.carrierFor(one.cluster, one.byte));
  other.peers.set(linked(one.cluster, one.name), one.carrierFor(other.cluster, other.byte));
}

export function entryOf(given: Partial<AuditEntry> = {}): AuditEntry {
  return {
    contract: 'links',
    method: 'invite',
    permission: 'links.write',
    caller: { kind: 'owner' },
    source: 'testkit',
    outcome: 'OK',
    ...given,
  };
}

// ---- chains by themselves ----

const startMs = 1_700_000_000_000;

export function saidAt(index: number, more: Partial<AuditSaid> = {}): AuditSaid {
  const atMs = startMs + index * 1_000;
  return {
    atMs,
    sinceMs: atMs,
    count: 1,
    principal: 'owner',
    via: '',
    source: '127.0.0.1',
    act: 'links.invite',
    permission: 'links.write',
    target: `kv/space-${index}`,
    outcome: 'OK',
    facts: { index },
    ...more,
  };
}

export function chainOf(cluster: ClusterId, count: number): AuditRecord[] {
  let before = { sequence: 0, hash: firstHash(crypto, cluster) };
  return Array.from({ length: count }, (_, index) => {
    const record = nextRecord(crypto, before, saidAt(index));
    before = record;
    return record;
  });
}

/** By its sequence, of a chain that has it. */
export function recordAt(records: readonly AuditRecord[], sequence: number): AuditRecord {
  const found = records[sequence - 1];
  if (found === undefined) {
    throw new Error(`there is no record ${sequence}`);
  }
  return found;
}

/** As they are stored: by the key's hex, in the order of keys. */
export type StoredAudit = Map<string, Uint8Array>;

const hexOf = (key: Uint8Array): string => Buffer.from(key).toString('hex');

export function storedChain(records: readonly AuditRecord[], anchor?: AuditAnchor): StoredAudit {
  const last = records.at(-1);
  const rows: (readonly [Uint8Array, object])[] = [
    ...(anchor === undefined ? [] : ([[anchorKey, anchor]] as const)),
    ...records.map((record) => [recordKey(record.sequence), record] as const),
    ...(last === undefined
      ? []
      : ([[tailKey, { sequence: last.sequence, hash: last.hash }]] as const)),
  ];
  return new Map(rows.map(([key, value]) => [hexOf(key), codec.encode(value)]));
}

export function chainFrom(
  stored: StoredAudit,
  make: (source: Pick<AuditChain, 'entry' | 'entries'>) => AuditChain,
): AuditChain {
  return make({
    entry: async (key) => {
      const value = stored.get(hexOf(key));
      return value === undefined ? undefined : { key, value, version: 1, blobs: [] };
    },
    async *entries() {
      for (const [hex, value] of [...stored].toSorted(([a], [b]) => (a < b ? -1 : 1))) {
        yield { key: Uint8Array.from(Buffer.from(hex, 'hex')), value, version: 1, blobs: [] };
      }
    },
  });
}

/** What a witness of that byte signs of a head at a record. */
export function witnessOf(
  byte: number,
  owner: { readonly byte: number; readonly record: AuditRecord; readonly prior?: AuditRecord },
): Countersignature {
  return countersign(
    createTestSigner(crypto, byte, 'witness'),
    headOf(owner),
    owner.record.atMs + 10,
  );
}

export function headOf(owner: {
  readonly byte: number;
  readonly record: AuditRecord;
  readonly prior?: AuditRecord;
}): AuditHead {
  const signer = createTestSigner(crypto, owner.byte, 'owner');
  const prior = owner.prior ?? { sequence: 0, hash: firstHash(crypto, signer.cluster) };
  const { sequence, hash } = prior;
  const atMs = owner.record.atMs + 1;
  return signHead(signer, owner.record, { prior: { sequence, hash }, atMs });
}
