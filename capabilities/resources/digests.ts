// The digest trie of every resource, brought to the present when somebody asks for a head, or when
// enough has come together: from the changes this node remembers, or from the log. Every node of
// the owner computes the same from the same log.
import {
  createKeyedMutex,
  createTrieStore,
  HansaError,
  isHansaError,
  placedLeaves,
  silentLog,
  type LocalId,
  type PagedTrie,
  type Row,
  type TrieChange,
} from '@hansa/foundation';
import { pointFrom, type Appended, type Held } from './appending.ts';
import type { Point, Position, Snapshot } from './contract.ts';
import { leafOf, trieChanges } from './history.ts';
import { sequenceOf, type StoredState } from './keys.ts';
import { createTails, type TailChange } from './tails.ts';

const attemptsMax = 8; // another node may be writing the same pages: each time one of the two wins
const leavesAtOnce = 65_536; // before the trie is moved: the more, the more branches they share
const entriesAtOnce = 4_096; // of a rebuild

export interface Digests {
  appended(id: LocalId, appended: Appended): void;
  position(id: LocalId): Promise<Position | undefined>;
  snapshot(id: LocalId): Promise<Snapshot | undefined>;
  /** Until the pages hold the sequence: what comes before it is not needed any more. */
  writeUpTo(id: LocalId, sequence: number): Promise<void>;
  remove(id: LocalId, epoch: number): Promise<void>;
  /** Before a stop: the next start has nothing to repeat. */
  writeAll(): Promise<void>;
}

interface Brought {
  readonly trie: PagedTrie;
  readonly position: Position;
}

export function createDigests(held: Held): Digests {
  const tries = createTrieStore({ ...held, pause: () => held.clock.sleep(0) });
  const parts: Parts = { ...held, tries, tails: createTails(), writing: new Map() };
  const alone = createKeyedMutex<LocalId>();
  const present = (id: LocalId): Promise<Brought | undefined> =>
    alone.run(id, () => bringSafely(parts, id));
  return {
    appended(id, appended) {
      if (parts.tails.add(id, leavesOf(held, appended))) {
        present(id).catch((error: unknown) => problem(parts, id, error));
      }
    },
    position: async (id) => (await present(id))?.position,
    snapshot: (id) =>
      alone.run(id, async () => {
        const brought = await bringSafely(parts, id);
        return brought === undefined ? undefined : snapshotOf(parts, id, brought);
      }),
    writeUpTo: (id, sequence) => alone.run(id, () => writeUpTo(parts, id, sequence)),
    remove: (id, epoch) =>
      alone.run(id, async () => {
        parts.tails.forget(id);
        await tries.remove(id, epoch);
      }),
    async writeAll() {
      await Promise.allSettled(parts.writing.values());
      await tries.writeAll();
    },
  };
}

async function writeUpTo(parts: Parts, id: LocalId, sequence: number): Promise<void> {
  for (let attempt = 1; ; attempt += 1) {
    const brought = await bringSafely(parts, id);
    if (brought === undefined || brought.trie.writtenAt >= sequence) {
      return;
    }
    try {
      await brought.trie.write();
    } catch (error) {
      parts.tries.forget(id, brought.position.epoch);
      if (attempt >= attemptsMax || !isHansaError(error, 'CONFLICT')) {
        throw error;
      }
    }
  }
}

interface Parts extends Held {
  readonly tries: ReturnType<typeof createTrieStore>;
  readonly tails: ReturnType<typeof createTails>;
  readonly writing: Map<PagedTrie, Promise<void>>;
}

function problem({ log = silentLog }: Held, id: LocalId, error: unknown): void {
  log.problem('resources.digest-failed', error, { resource: id });
}

/** Again where another node wrote pages meanwhile; anew where the pages are damaged. */
async function bringSafely(parts: Parts, id: LocalId): Promise<Brought | undefined> {
  for (let attempt = 1; ; attempt += 1) {
    const state = await presentState(parts, id);
    if (state === undefined) {
      return undefined;
    }
    const { epoch } = state.value;
    try {
      return await bring(parts, id, state);
    } catch (error) {
      parts.tries.forget(id, epoch);
      if (attempt >= attemptsMax) {
        throw error;
      }
      if (isHansaError(error, 'STORE_DAMAGED')) {
        problem(parts, id, error);
        await rebuild(parts, id, epoch);
      } else if (!isHansaError(error, 'CONFLICT')) {
        throw error;
      }
    }
  }
}

async function presentState(
  { resources, states }: Parts,
  id: LocalId,
): Promise<Row<StoredState> | undefined> {
  return resources.find(id)?.value.removed === false ? states.find(id) : undefined;
}

async function bring(parts: Parts, id: LocalId, state: Row<StoredState>): Promise<Brought> {
  const { epoch } = state.value;
  const trie = await parts.tries.open(id, epoch);
  let point = pointFrom(state);
  if (trie.at > point.sequence) {
    // Another node is ahead of what we have seen; its pages tell, and so does the store.
    const ahead = await parts.tables.states.get(id);
    if (ahead?.value.epoch !== epoch || sequenceOf(ahead) < trie.at) {
      throw new HansaError('CONFLICT', `${id} was made anew meanwhile`);
    }
    point = pointFrom(ahead);
  }
  if (trie.at < (await keptAfter(parts, id, { epoch, at: trie.at }))) {
    throw new HansaError('STORE_DAMAGED', `the digest of ${id} is older than its log`);
  }
  await takeIn(parts, { id, trie, point });
  await maintain(parts, id, trie);
  return { trie, position: { ...point, digest: trie.root } };
}

/** Read only where it can matter: a trie that was brought here once is never behind the log. */
async function keptAfter(
  { tables }: Parts,
  id: LocalId,
  { epoch, at }: { readonly epoch: number; readonly at: number },
): Promise<number> {
  return at > 0 ? 0 : ((await tables.kept.get(id, epoch))?.value ?? 0);
}

interface Work {
  readonly id: LocalId;
  readonly trie: PagedTrie;
  readonly point: Point;
}

async function takeIn(parts: Parts, work: Work): Promise<void> {
  const { id, trie, point } = work;
  // No further than the point, of whose chain the head will be: while the pages were read, others
  // may have appended.
  const span = { epoch: point.epoch, sequence: trie.at, until: point.sequence };
  const remembered = parts.tails.take(id, span);
  const taken = remembered.at(-1)?.point.sequence;
  let gathered: TrieChange[] = [];
  let at = trie.at;
  const move = async (): Promise<void> => {
    await trie.prepare(gathered.length);
    const draft = trie.draft();
    await draft.apply(gathered);
    trie.commit(draft, at);
    gathered = [];
  };
  const take = async (change: TailChange): Promise<void> => {
    if (at > 0 && change.previous !== at) {
      // Compacted away since the trie was opened: whoever did that has written its pages.
      throw new HansaError('CONFLICT', `the log of ${id} does not go on at ${at}`);
    }
    if (change.afterCheckpoint || gathered.length >= leavesAtOnce) {
      await move();
    }
    if (change.afterCheckpoint) {
      await fillCheckpoint(parts, work, change.previous);
    }
    // One by one: spread into `push`, a change of many operations would be arguments on the stack.
    for (const leaf of change.leaves) {
      gathered.push(leaf);
    }
    at = change.point.sequence;
  };
  for (const change of remembered) {
    await take(change);
  }
  if (taken === undefined || taken < point.sequence) {
    for await (const change of fromLog(parts, work, at)) {
      await take(change);
    }
  }
  if (at > trie.at) {
    await move();
  }
  if (point.sequence > trie.at) {
    const draft = trie.draft(); // an epoch in which nothing was written yet
    trie.commit(draft, point.sequence);
  }
}

/** Hashed change by change, while the disk is busy with the next: all at once, everybody waits. */
function leavesOf({ crypto }: Pick<Held, 'crypto'>, appended: Appended): TailChange {
  const { point, previous, ops, versions, afterCheckpoint } = appended;
  const leaves = placedLeaves(crypto, trieChanges(crypto, ops, versions));
  return { point, previous, leaves, afterCheckpoint };
}

/** What the log has between a sequence and the point. */
async function* fromLog(
  parts: Parts,
  { id, point }: Work,
  from: number,
): AsyncIterable<TailChange> {
  const { tables } = parts;
  const { epoch } = point;
  const checkpoints = new Set<number>();
  for await (const { value } of tables.checkpoints.rowsFrom([id, epoch], from)) {
    checkpoints.add(value.sequence);
  }
  for await (const row of tables.changes.rowsFrom([id, epoch], from)) {
    const sequence = sequenceOf(row);
    if (sequence > point.sequence) {
      return;
    }
    const { previous, ops, versions, hlc } = row.value;
    yield leavesOf(parts, {
      point: { epoch, sequence, chain: point.chain, hlc },
      previous,
      ops,
      versions,
      afterCheckpoint: checkpoints.has(previous),
    });
  }
}

/** The trie stands at the checkpoint now: before its pages move on, the checkpoint is told. */
async function fillCheckpoint(
  { tables, store }: Parts,
  { id, trie, point }: Work,
  sequence: number,
): Promise<void> {
  const row = await tables.checkpoints.get(id, point.epoch, sequence);
  if (row === undefined || row.value.digest !== undefined || trie.at < trie.trustedFrom) {
    return;
  }
  const filled = { ...row.value, digest: trie.root };
  await store.batchWrite([tables.checkpoints.put([id, point.epoch, sequence], filled)]);
}

/** Pages are written while changes go on; they are cut anew while nobody waits for us alone. */
async function maintain(parts: Parts, id: LocalId, trie: PagedTrie): Promise<void> {
  const { writing, tries } = parts;
  if (trie.isCrowded) {
    await trie.deepen();
  }
  if (!trie.isDue || writing.has(trie)) {
    return;
  }
  const epoch = parts.states.find(id)?.value.epoch ?? 0;
  const work = trie
    .write()
    .catch((error: unknown) => {
      tries.forget(id, epoch);
      if (!isHansaError(error, 'CONFLICT') && !isHansaError(error, 'SHUTTING_DOWN')) {
        problem(parts, id, error);
      }
    })
    .finally(() => writing.delete(trie));
  writing.set(trie, work);
}

/** From the entries themselves, as they are at one revision. */
async function rebuild(
  { store, tables, tries, crypto }: Parts,
  id: LocalId,
  epoch: number,
): Promise<void> {
  const { entry, revision } = await store.get(tables.states.key(id));
  if (entry === null || tables.states.row(entry).value.epoch !== epoch) {
    return;
  }
  await tries.remove(id, epoch);
  const trie = await tries.open(id, epoch);
  let gathered: TrieChange[] = [];
  const move = async (at: number): Promise<void> => {
    await trie.prepare(gathered.length);
    const draft = trie.draft();
    await draft.apply(gathered);
    trie.commit(draft, at);
    gathered = [];
  };
  const prefix = tables.entries.prefix(id, epoch);
  let cursor: string | undefined;
  do {
    const page = await store.scan({ prefix }, cursor === undefined ? { revision } : { cursor });
    for (const each of page.entries) {
      const { key, value } = tables.entries.row(each);
      const [, , name] = key;
      if (name instanceof Uint8Array) {
        gathered.push({ key: name, hash: leafOf(crypto, { key: name, ...value }) });
      }
    }
    if (gathered.length >= entriesAtOnce) {
      // At 0: a crash leaves pages that nobody takes for whole.
      await move(0);
      await settle(trie);
    }
    cursor = page.cursor;
  } while (cursor !== undefined);
  await move(sequenceOf(tables.states.row(entry)));
  await trie.write();
  await trie.deepen();
}

async function settle(trie: PagedTrie): Promise<void> {
  if (trie.isDue) {
    await trie.write();
    await trie.deepen();
  }
}

/**
 * The newest revision at which entries are as they were with that very change. A resource that has
 * stood still since is readable as it is now, though its sequence may be compacted away long ago,
 * or be of another store that it was carried from.
 */
async function revisionAt(
  { store, tables }: Pick<Parts, 'store' | 'tables'>,
  id: LocalId,
  sequence: number,
): Promise<number> {
  const { entry, revision } = await store.get(tables.states.key(id));
  const isStill = entry !== null && sequenceOf(tables.states.row(entry)) === sequence;
  return isStill ? revision : sequence;
}

async function snapshotOf(
  { store, tables }: Parts,
  id: LocalId,
  { trie, position }: Brought,
): Promise<Snapshot> {
  const { epoch, sequence } = position;
  const view = await trie.view();
  const at = { revision: await revisionAt({ store, tables }, id, sequence) };
  return {
    position,
    trie: view,
    async entry(key) {
      const { entry } = await store.get(tables.entries.key(id, epoch, key), at);
      return entry === null ? undefined : { key, ...tables.entries.row(entry).value };
    },
  };
}
