// Reads every disk of a federation behind its cluster's back: what owners have ever written, what
// mirrors have ever applied, which links were ever made. Checks compare these, and trust no
// service.
import { setMaxListeners } from 'node:events';
import { linkTables, type LinkRecord } from '@hansa/capabilities/links/keys';
import { resourceTables } from '@hansa/capabilities/resources/keys';
import type { BlobReference, ChangeOp } from '@hansa/capabilities/resources/contract';
import { mirrorTables, type AppliedRecord } from '@hansa/capabilities/sync/keys';
import {
  emptyTrie,
  federatedId,
  fromUtf8,
  scopeStore,
  compareHlc,
  toHex,
  unpackTuple,
  type Codec,
  type Crypto,
  type FederatedId,
  type Hlc,
  type LocalId,
  type WatchEvent,
} from '@hansa/foundation';
import { createHistory } from '../capabilities/resources/history.ts';
import type { SimulatedCluster } from './simulated-cluster.ts';

/** A state that an owner's resource was in, once and for ever. */
export interface HistoryPoint {
  readonly digest: string;
  /** All entries as text: see `contentText`. */
  readonly content: string;
}

export interface ContentEntry {
  readonly key: Uint8Array;
  readonly value: Uint8Array;
  readonly version: number;
  readonly blobs: readonly BlobReference[];
}

export interface Witnessed {
  applied(cluster: SimulatedCluster, record: AppliedRecord): void;
  unmirrored(cluster: SimulatedCluster, resource: FederatedId): void;
  linked(cluster: SimulatedCluster, record: LinkRecord): void;
  /** An owner's own history does not go forward. */
  disordered(cluster: SimulatedCluster, sentence: string): void;
  /** The disk could not be read any further. */
  failed(cluster: SimulatedCluster, error: unknown): void;
}

export interface DiskWitness {
  /** Reads this disk from its first revision on. */
  attend(cluster: SimulatedCluster): void;
  point(resource: FederatedId, at: { epoch: number; sequence: number }): HistoryPoint | undefined;
  /** Where the owner's disk says the resource stands; undefined where it is not. */
  position(resource: FederatedId): { epoch: number; sequence: number; digest: string } | undefined;
  mirrored(cluster: SimulatedCluster): Promise<readonly MirrorOnDisk[]>;
  close(): void;
}

export interface MirrorOnDisk {
  readonly applied: AppliedRecord;
  readonly content: string;
  readonly blobs: readonly BlobReference[];
}

export function contentText(entries: Iterable<ContentEntry>): string {
  return [...entries]
    .map(({ key, value, version, blobs }) => {
      const names = blobs.map(({ id }) => id).join();
      return `${fromUtf8(key)} ${version} ${toHex(value)} ${names}`;
    })
    .toSorted()
    .join('\n');
}

type Histories = Map<string, HistoryPoint>;
type Contents = Map<string, Map<string, ContentEntry>>;
type Positions = Map<FederatedId, { epoch: number; sequence: number; digest: string; hlc: Hlc }>;

export function createDiskWitness(needs: {
  readonly codec: Codec;
  readonly crypto: Crypto;
  readonly witnessed: Witnessed;
}): DiskWitness {
  const { codec, crypto, witnessed } = needs;
  const histories: Histories = new Map();
  const contents: Contents = new Map();
  const positions: Positions = new Map();
  const over = new AbortController();
  const { signal } = over;
  setMaxListeners(0, signal); // every disk of a federation is watched under it
  const watch = async (
    cluster: SimulatedCluster,
    scope: string,
    take: (events: readonly WatchEvent[], revision: number) => void,
  ): Promise<void> => {
    const scoped = scopeStore(cluster.disk.store, scope);
    for await (const batch of scoped.watch({ prefix: new Uint8Array(0) }, { from: 0, signal })) {
      if ('events' in batch) {
        take(batch.events, batch.revision);
      }
    }
  };
  return {
    attend(cluster) {
      const read = { codec, crypto, histories, contents, positions, witnessed };
      const watches = [
        watch(cluster, 'resources', (events, revision) =>
          readOwned(read, cluster, { events, revision }),
        ),
        watch(cluster, 'sync', (events) => readMirrored(codec, { cluster, events, witnessed })),
        watch(cluster, 'links', (events) => readLinked(codec, { cluster, events, witnessed })),
      ];
      Promise.all(watches).catch((error: unknown) => witnessed.failed(cluster, error));
    },
    point: (resource, at) => histories.get(`${resource} ${at.epoch} ${at.sequence}`),
    position: (resource) => positions.get(resource),
    mirrored: (cluster) => mirroredOn(codec, cluster),
    close: () => over.abort(),
  };
}

interface Reading {
  readonly codec: Codec;
  readonly crypto: Crypto;
  readonly histories: Histories;
  readonly contents: Contents;
  readonly positions: Positions;
  readonly witnessed: Witnessed;
}

function readOwned(
  { codec, crypto, histories, contents, positions, witnessed }: Reading,
  cluster: SimulatedCluster,
  batch: { readonly events: readonly WatchEvent[]; readonly revision: number },
): void {
  const tables = resourceTables(cluster.disk.store, codec);
  for (const { key, entry } of batch.events) {
    const [table, local, epoch] = unpackTuple(key);
    if (table === 'change' && entry !== null) {
      const name = `${String(local)} ${String(epoch)}`;
      fold(contents, `${cluster.name} ${name}`, tables.changes.row(entry).value.ops);
    }
  }
  for (const { key, entry } of batch.events) {
    const [table, local] = unpackTuple(key);
    if (table !== 'state') {
      continue;
    }
    const resource = federatedId(cluster.place.cluster, local as LocalId);
    if (entry === null) {
      positions.delete(resource);
      continue;
    }
    const state = tables.states.row(entry).value;
    const held = contents.get(`${cluster.name} ${String(local)} ${state.epoch}`) ?? new Map();
    const digest = digestOf(crypto, held.values());
    const sequence = batch.revision;
    const before = positions.get(resource);
    if (before?.epoch === state.epoch && compareHlc(state.hlc, before.hlc) <= 0) {
      const stamps = `${before.hlc.join('.')}, then ${state.hlc.join('.')}`;
      witnessed.disordered(cluster, `the changes of ${String(local)} are stamped ${stamps}`);
    }
    positions.set(resource, { epoch: state.epoch, sequence, digest, hlc: state.hlc });
    histories.set(`${resource} ${state.epoch} ${sequence}`, {
      digest,
      content: contentText(held.values()),
    });
  }
}

/** Computed from the content alone, by the plain trie. */
function digestOf(crypto: Crypto, entries: Iterable<ContentEntry>): string {
  const history = createHistory(crypto);
  let trie = emptyTrie(crypto);
  for (const entry of entries) {
    const { key, version } = entry;
    trie = trie.set({ key, version, valueHash: history.valueHash(entry) });
  }
  return toHex(trie.root);
}

function fold(contents: Contents, name: string, ops: readonly ChangeOp[]): void {
  const held = contents.get(name) ?? new Map<string, ContentEntry>();
  contents.set(name, held);
  for (const op of ops) {
    if ('delete' in op) {
      held.delete(toHex(op.delete.key));
    } else {
      const { key } = op.put;
      const version = (held.get(toHex(key))?.version ?? 0) + 1;
      held.set(toHex(key), { ...op.put, version });
    }
  }
}

function readMirrored(
  codec: Codec,
  given: {
    readonly cluster: SimulatedCluster;
    readonly events: readonly WatchEvent[];
    readonly witnessed: Witnessed;
  },
): void {
  const { cluster, events, witnessed } = given;
  const tables = mirrorTables(cluster.disk.store, codec);
  for (const { key, entry } of events) {
    const [table, resource] = unpackTuple(key);
    if (table === 'applied' && entry !== null) {
      witnessed.applied(cluster, tables.applied.row(entry).value);
    } else if (table === 'applied') {
      witnessed.unmirrored(cluster, resource as FederatedId);
    }
  }
}

function readLinked(
  codec: Codec,
  given: {
    readonly cluster: SimulatedCluster;
    readonly events: readonly WatchEvent[];
    readonly witnessed: Witnessed;
  },
): void {
  const { cluster, events, witnessed } = given;
  const tables = linkTables(cluster.disk.store, codec);
  for (const { key, entry } of events) {
    if (unpackTuple(key)[0] === 'link' && entry !== null) {
      witnessed.linked(cluster, tables.links.row(entry).value);
    }
  }
}

async function mirroredOn(
  codec: Codec,
  cluster: SimulatedCluster,
): Promise<readonly MirrorOnDisk[]> {
  const tables = mirrorTables(scopeStore(cluster.disk.store, 'sync'), codec);
  const found: MirrorOnDisk[] = [];
  for await (const { value: applied } of tables.applied.rows()) {
    const entries: ContentEntry[] = [];
    const { resource } = applied.head;
    for await (const { key, value } of tables.entries.rows(resource, applied.copy)) {
      entries.push({ key: key[2] as Uint8Array, ...value });
    }
    const blobs = entries.flatMap((entry) => entry.blobs);
    found.push({ applied, content: contentText(entries), blobs });
  }
  return found;
}
