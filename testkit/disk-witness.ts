// Reads every disk of a federation behind its cluster's back: what owners have ever written, what
// mirrors have ever applied, which links were ever made. Checks compare these, and trust no
// service.
import { setMaxListeners } from 'node:events';
import { linkTables, type LinkRecord } from '@hansa/capabilities/links/keys';
import { resourceTables } from '@hansa/capabilities/resources/keys';
import type { BlobReference, ChangeOp } from '@hansa/capabilities/resources/contract';
import { mirrorTables, type AppliedRecord } from '@hansa/capabilities/sync/keys';
import {
  concatBytes,
  emptyTrie,
  federatedId,
  scopeStore,
  splitFederatedId,
  compareHlc,
  toHex,
  unpackTuple,
  utf8,
  type Codec,
  type Crypto,
  type DigestTrie,
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
  /** Of all changes up to it, as the owner stored it. */
  readonly chain: string;
  readonly hlc: string;
  /** Of all entries: see `Fingerprint`. */
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
  /** Its disk was put back: what is on it now is read again, from its first revision on. */
  attendAgain(cluster: SimulatedCluster): void;
  /** More than one where a restored owner came by a position twice. */
  points(resource: FederatedId, at: PointAsked): readonly HistoryPoint[];
  /** Where the owner's disk says the resource stands; undefined where it is not. */
  position(resource: FederatedId): { epoch: number; sequence: number; digest: string } | undefined;
  mirrored(cluster: SimulatedCluster): Promise<readonly MirrorOnDisk[]>;
  close(): void;
}

export interface MirrorOnDisk {
  readonly applied: AppliedRecord;
  /** All its entries as they are now. */
  read(): Promise<{ readonly content: string; readonly blobs: readonly BlobReference[] }>;
}

/**
 * The exclusive or of all entries' hashes: the same for the same entries in whatever order, and one
 * step further with each that comes or goes.
 */
type Fingerprint = Uint8Array;

function toggled(crypto: Crypto, print: Fingerprint, entry: ContentEntry): Fingerprint {
  const { key, value, version, blobs } = entry;
  const names = blobs.map(({ id }) => id).join();
  const hash = crypto.hash(
    concatBytes([utf8(`${key.length} ${version} ${names.length} ${names}`), key, value]),
  );
  return print.map((byte, at) => byte ^ (hash[at] ?? 0));
}

const nothing: Fingerprint = new Uint8Array(32);

/** What an owner's epoch holds, as its changes tell. */
interface Content {
  readonly entries: Map<string, ContentEntry>;
  print: Fingerprint;
  trie: DigestTrie;
}

export interface PointAsked {
  readonly epoch: number;
  readonly sequence: number;
}

type Histories = Map<string, readonly HistoryPoint[]>;
type Contents = Map<string, Content>;
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
  const attended = new Map<SimulatedCluster, AbortController>();
  const attend = (cluster: SimulatedCluster): void => {
    const over = new AbortController();
    setMaxListeners(0, over.signal); // every watch of a disk listens to it, again and again
    attended.set(cluster, over);
    const tables = tablesOf(cluster, codec);
    const read = { crypto, histories, contents, positions, witnessed, tables };
    const { signal } = over;
    const watches = [
      watch(cluster, { scope: 'resources', signal }, (events, revision) =>
        readOwned(read, cluster, { events, revision }),
      ),
      watch(cluster, { scope: 'sync', signal }, (events) =>
        readMirrored(read, { cluster, events }),
      ),
      watch(cluster, { scope: 'links', signal }, (events) => readLinked(read, { cluster, events })),
    ];
    Promise.all(watches).catch((error: unknown) =>
      signal.aborted ? undefined : witnessed.failed(cluster, error),
    );
  };
  return {
    attend,
    attendAgain(cluster) {
      attended.get(cluster)?.abort();
      const isOurs = (name: string): boolean => name.startsWith(`${cluster.name} `);
      [...contents.keys()].filter(isOurs).forEach((name) => contents.delete(name));
      [...positions.keys()]
        .filter((resource) => splitFederatedId(resource).owner === cluster.place.cluster)
        .forEach((resource) => positions.delete(resource));
      attend(cluster);
    },
    points: (resource, at) => histories.get(`${resource} ${at.epoch} ${at.sequence}`) ?? [],
    position: (resource) => positions.get(resource),
    mirrored: (cluster) => mirroredOn({ codec, crypto }, cluster),
    close: () => attended.forEach((over) => over.abort()),
  };
}

async function watch(
  cluster: SimulatedCluster,
  { scope, signal }: { readonly scope: string; readonly signal: AbortSignal },
  take: (events: readonly WatchEvent[], revision: number) => void,
): Promise<void> {
  const scoped = scopeStore(cluster.disk.store, scope);
  for await (const batch of scoped.watch({ prefix: new Uint8Array(0) }, { from: 0, signal })) {
    if ('events' in batch && !signal.aborted) {
      take(batch.events, batch.revision);
    }
  }
}

interface Tables {
  readonly owned: ReturnType<typeof resourceTables>;
  readonly mirrored: ReturnType<typeof mirrorTables>;
  readonly linked: ReturnType<typeof linkTables>;
}

/** They read rows alone: a disk that was put back has the same. */
function tablesOf({ disk: { store } }: SimulatedCluster, codec: Codec): Tables {
  return {
    owned: resourceTables(store, codec),
    mirrored: mirrorTables(store, codec),
    linked: linkTables(store, codec),
  };
}

interface Reading {
  readonly tables: Tables;
  readonly crypto: Crypto;
  readonly histories: Histories;
  readonly contents: Contents;
  readonly positions: Positions;
  readonly witnessed: Witnessed;
}

function readOwned(
  { tables, crypto, histories, contents, positions, witnessed }: Reading,
  cluster: SimulatedCluster,
  batch: { readonly events: readonly WatchEvent[]; readonly revision: number },
): void {
  for (const { key, entry } of batch.events) {
    const [table, local, epoch] = unpackTuple(key);
    if (table !== 'change') {
      continue;
    }
    const id = local as LocalId;
    const name = `${cluster.name} ${id} ${Number(epoch)}`;
    const stands = positions.get(federatedId(cluster.place.cluster, id));
    if (entry !== null) {
      fold(crypto, contentOf(contents, name, crypto), tables.owned.changes.row(entry).value.ops);
    } else if (stands === undefined || stands.epoch < Number(epoch)) {
      contents.delete(name); // of an epoch that never began: it is written anew
    }
  }
  for (const { key, entry } of batch.events) {
    const [table, local] = unpackTuple(key);
    if (table !== 'state') {
      continue;
    }
    const id = local as LocalId;
    const resource = federatedId(cluster.place.cluster, id);
    if (entry === null) {
      positions.delete(resource);
      continue;
    }
    const state = tables.owned.states.row(entry).value;
    const held = contentOf(contents, `${cluster.name} ${id} ${state.epoch}`, crypto);
    const digest = toHex(held.trie.root);
    const sequence = batch.revision;
    const before = positions.get(resource);
    if (before?.epoch === state.epoch && compareHlc(state.hlc, before.hlc) <= 0) {
      const stamps = `${before.hlc.join('.')}, then ${state.hlc.join('.')}`;
      witnessed.disordered(cluster, `the changes of ${id} are stamped ${stamps}`);
    }
    positions.set(resource, { epoch: state.epoch, sequence, digest, hlc: state.hlc });
    remember(histories, `${resource} ${state.epoch} ${sequence}`, {
      digest,
      chain: toHex(state.chain),
      hlc: state.hlc.join('.'),
      content: toHex(held.print),
    });
  }
}

function remember(histories: Histories, name: string, point: HistoryPoint): void {
  const known = histories.get(name) ?? [];
  if (!known.some(({ chain }) => chain === point.chain)) {
    histories.set(name, [...known, point]);
  }
}

function contentOf(contents: Contents, name: string, crypto: Crypto): Content {
  const known = contents.get(name);
  const content = known ?? { entries: new Map(), print: nothing, trie: emptyTrie(crypto) };
  contents.set(name, content);
  return content;
}

/** The digest comes from the plain trie alone, by no page and no draft. */
function fold(crypto: Crypto, content: Content, ops: readonly ChangeOp[]): void {
  const history = createHistory(crypto);
  for (const op of ops) {
    const { key } = 'delete' in op ? op.delete : op.put;
    const name = toHex(key);
    const before = content.entries.get(name);
    if (before !== undefined) {
      content.print = toggled(crypto, content.print, before);
    }
    if ('delete' in op) {
      content.entries.delete(name);
      content.trie = content.trie.remove(key);
    } else {
      const version = (before?.version ?? 0) + 1;
      const entry = { ...op.put, version };
      content.entries.set(name, entry);
      content.print = toggled(crypto, content.print, entry);
      content.trie = content.trie.set({ key, version, valueHash: history.valueHash(entry) });
    }
  }
}

function readMirrored(
  { tables, witnessed }: Reading,
  given: { readonly cluster: SimulatedCluster; readonly events: readonly WatchEvent[] },
): void {
  const { cluster, events } = given;
  for (const { key, entry } of events) {
    const [table, resource] = unpackTuple(key);
    if (table === 'applied' && entry !== null) {
      witnessed.applied(cluster, tables.mirrored.applied.row(entry).value);
    } else if (table === 'applied') {
      witnessed.unmirrored(cluster, resource as FederatedId);
    }
  }
}

function readLinked(
  { tables, witnessed }: Reading,
  given: { readonly cluster: SimulatedCluster; readonly events: readonly WatchEvent[] },
): void {
  const { cluster, events } = given;
  for (const { key, entry } of events) {
    if (unpackTuple(key)[0] === 'link' && entry !== null) {
      witnessed.linked(cluster, tables.linked.links.row(entry).value);
    }
  }
}

async function mirroredOn(
  { codec, crypto }: { readonly codec: Codec; readonly crypto: Crypto },
  cluster: SimulatedCluster,
): Promise<readonly MirrorOnDisk[]> {
  const tables = mirrorTables(scopeStore(cluster.disk.store, 'sync'), codec);
  const found: MirrorOnDisk[] = [];
  for await (const { value: applied } of tables.applied.rows()) {
    found.push({
      applied,
      async read() {
        let print = nothing;
        const blobs: BlobReference[] = [];
        const { resource } = applied.head;
        for await (const { key, value } of tables.entries.rows(resource, applied.copy)) {
          print = toggled(crypto, print, { key: key[2] as Uint8Array, ...value });
          blobs.push(...value.blobs);
        }
        return { content: toHex(print), blobs };
      },
    });
  }
  return found;
}
