// What was found: the newest signed word of each cluster, in the store and bounded. Linked clusters
// are never forgotten for strangers, and no peer can fill the book with clusters of its making.
import {
  createKeyedMutex,
  watchedTable,
  type Clock,
  type ClusterId,
  type KeyValueStore,
  type KeyedMutex,
  type WatchedTable,
} from '@hansa/foundation';
import type { Endpoint, Peers } from '../links/contract.ts';
import { trackedMax, trackedPerPeerMax, type Heard } from './contract.ts';
import type { DiscoveryTables, FoundRecord } from './keys.ts';

// what is heard again and says nothing new is written this often at most
const heardAgainMs = 600_000;

/** One word, whoever brought it, already verified. */
export type Word = Omit<FoundRecord, 'heard'>;

export interface Book {
  readonly rows: WatchedTable<FoundRecord>;
  /** Undefined where nothing is known, or its time is over. */
  find(cluster: ClusterId): FoundRecord | undefined;
  all(): readonly FoundRecord[];
  /** True where the word was newer than what was known. */
  take(word: Word, heard: Omit<Heard, 'heardMs'>): Promise<boolean>;
  /** Forgets whatever is past its time. */
  prune(): Promise<void>;
  /** One word of one cluster is judged at a time. */
  readonly turns: KeyedMutex<ClusterId>;
}

export interface BookNeeds {
  readonly store: KeyValueStore;
  readonly tables: DiscoveryTables;
  readonly clock: Clock;
  readonly peers: Peers;
}

export function createBook(needs: BookNeeds): Book {
  const { store, tables, clock } = needs;
  const rows = watchedTable(store, tables.found);
  const fresh = (record: FoundRecord): boolean => record.expiresMs > clock.now();
  const find = (cluster: ClusterId): FoundRecord | undefined => {
    const record = rows.find(cluster)?.value;
    return record !== undefined && fresh(record) ? record : undefined;
  };
  const put = async (record: FoundRecord, forget: readonly FoundRecord[]): Promise<void> => {
    const { revision } = await store.batchWrite([
      tables.found.put([record.cluster], record),
      ...forget.map(({ cluster }) => tables.found.delete([cluster])),
    ]);
    await rows.reached(revision);
  };
  return {
    rows,
    find,
    all: () => [...rows.rows.values()].map(({ value }) => value).filter(fresh),
    turns: createKeyedMutex<ClusterId>(),
    async take(word, heard) {
      const held = find(word.cluster);
      const nowMs = clock.now();
      const news = held === undefined || word.counter > held.counter;
      const record = merged(held, word, { ...heard, heardMs: nowMs });
      if (news || tellsMore(held, record, nowMs)) {
        await put(record, held === undefined ? crowdedOut(needs, rows, record) : []);
      }
      return news;
    },
    async prune() {
      const over = [...rows.rows.values()].filter(({ value }) => !fresh(value));
      for (const { value } of over) {
        await store.batchWrite([tables.found.delete([value.cluster])]);
      }
    },
  };
}

/** The newer word, with everybody who told it; of equal ones, the one that says more. */
function merged(held: FoundRecord | undefined, word: Word, heard: Heard): FoundRecord {
  const others = held?.heard.filter(({ source }) => source !== heard.source) ?? [];
  const near = word.near ?? held?.near;
  const isOld = held !== undefined && held.counter > word.counter;
  const isWhole = held?.announcement !== undefined && word.announcement === undefined;
  const same = held?.counter === word.counter;
  const newest: Word = isOld || (same && isWhole) ? held : word;
  return { ...newest, near, heard: [heard, ...others] };
}

function tellsMore(held: FoundRecord, record: FoundRecord, nowMs: number): boolean {
  const [heard] = record.heard;
  const before = held.heard.find(({ source }) => source === heard?.source);
  return (
    before === undefined ||
    nowMs - before.heardMs >= heardAgainMs ||
    (held.announcement === undefined && record.announcement !== undefined) ||
    JSON.stringify(held.near) !== JSON.stringify(record.near)
  );
}

/** Whom a new cluster drives out: of those that its teller told, or of all, the least recent. */
function crowdedOut(
  { peers }: BookNeeds,
  rows: WatchedTable<FoundRecord>,
  coming: FoundRecord,
): readonly FoundRecord[] {
  const isLinked = (cluster: ClusterId): boolean => peers.standing(cluster).active;
  const strangers = [...rows.rows.values()]
    .map(({ value }) => value)
    .filter(({ cluster }) => !isLinked(cluster))
    .toSorted((a, b) => lastHeardMs(a) - lastHeardMs(b));
  const teller = tellerOf(coming);
  const told = strangers.filter((record) => teller !== undefined && tellerOf(record) === teller);
  if (told.length >= trackedPerPeerMax) {
    return told.slice(0, 1);
  }
  return rows.rows.size >= trackedMax ? strangers.slice(0, 1) : [];
}

function lastHeardMs({ heard }: FoundRecord): number {
  return Math.max(...heard.map(({ heardMs }) => heardMs));
}

function tellerOf({ heard }: FoundRecord): ClusterId | undefined {
  return heard.find(({ source }) => source === 'gossip')?.from;
}

/** Where the cluster may be: its own word, and where the local network has led to it. */
export function endpointsOf({ endpoints, near }: FoundRecord): readonly Endpoint[] {
  if (near === undefined) {
    return endpoints;
  }
  const known = endpoints.find(({ node }) => node === near.node);
  const addresses = new Set([...near.addresses, ...(known?.addresses ?? [])]);
  const others = endpoints.filter(({ node }) => node !== near.node);
  return [{ node: near.node, addresses: [...addresses] }, ...others];
}
