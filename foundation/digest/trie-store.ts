// The digest tries of a store: pages in it, what changed since in memory, as many of them as are in
// use. A trie is opened at the position of its pages; whoever opens it repeats what came after.
import { equalBytes } from '../bytes.ts';
import type { Codec } from '../codec.ts';
import { HansaError, invariant, isHansaError } from '../errors.ts';
import { createMutex, type Mutex } from '../mutex.ts';
import { createRecent } from '../recent.ts';
import { deletePrefix } from '../store/delete-prefix.ts';
import { LayeredDraft, placeParts, type TrieDraft } from './trie-draft.ts';
import { createTrieHasher, nodeBytes, rootOf, type TrieHasher } from './trie-hash.ts';
import { emptyLevels, nodesPerChunk, trieTables, type TrieName } from './trie-records.ts';
import {
  nodeAt,
  writtenByAnother,
  type DirtyPage,
  type StoredMeta,
  type TrieParts,
  type TrieShape,
} from './trie-state.ts';
import type { TriePage } from './trie-page.ts';
import { createTrieView, type TrieView } from './trie-view.ts';
import { deepen, depthFor, isCrowded, riseAll, writeBehind } from './trie-writing.ts';

const triesMax = 256; // open at a time; another is opened again from its pages
// of one trie: about 30 MB, and four seconds' work to repeat after a crash
const pendingMax = 196_608;
const pendingInAllMax = 393_216; // about 60 MB
const pendingOfPageMax = 1_024; // a page that waits with more costs every change of it
const cachedOverheadBytes = 512; // of a page's objects and its key
const cachedBytesMax = 16 * 1_024 * 1_024; // all pages of 100,000 entries, a part of those of more

export interface PagedTrie {
  /** The position that the trie in memory holds; 0 before the first. */
  readonly at: number;
  /** The position that its pages hold. */
  readonly writtenAt: number;
  /** Below it, a crash has mixed two positions, and the root is of neither. */
  readonly trustedFrom: number;
  readonly root: Uint8Array;
  /** Leaves that no page has yet. */
  readonly pending: number;
  /** Enough waits for its pages to write them. */
  readonly isDue: boolean;
  /** Its pages have become too long: time to cut them anew. */
  readonly isCrowded: boolean;
  /**
   * Cuts pages anew before so many leaves come together that they would not fit; no draft survives
   * it.
   */
  prepare(leaves: number): Promise<void>;
  draft(): TrieDraft;
  /** The trie is what the draft says, at this position. */
  commit(draft: TrieDraft, at: number): void;
  /** Writes the pages, while changes go on; CONFLICT where another node has written them. */
  write(): Promise<void>;
  /** Cuts pages anew that were just written, where it is time; no draft survives it. */
  deepen(): Promise<void>;
  /** The trie as it is now, while it goes on. */
  view(): Promise<TrieView>;
}

export interface TrieStore {
  readonly hasher: TrieHasher;
  /** `expected` leaves spare a new trie from being cut anew while it grows. */
  open(name: string, copy: number, expected?: number): Promise<PagedTrie>;
  /** Where it is open already. */
  opened(name: string, copy: number): PagedTrie | undefined;
  /** What is in memory only is lost: after work that failed, or was another node's. */
  forget(name: string, copy: number): void;
  remove(name: string, copy?: number): Promise<void>;
  /** Writes the pages of all that are open. */
  writeAll(): Promise<void>;
}

export function createTrieStore(
  needs: Pick<TrieParts, 'store' | 'crypto' | 'pause'> & { readonly codec: Codec },
): TrieStore {
  const { store, crypto, pause } = needs;
  const tables = trieTables(store, needs.codec);
  const hasher = createTrieHasher(crypto);
  const cache = createRecent<string, TriePage>(
    cachedBytesMax,
    ({ bytes }) => bytes + cachedOverheadBytes,
  );
  const parts: TrieParts = { store, tables, crypto, hasher, cache, pause };
  const tries = new Map<string, OpenTrie>();
  let opened = 0;
  return {
    hasher,
    async open(name, copy, expected = 0) {
      const key = `${copy} ${name}`;
      const trie =
        tries.get(key) ??
        (await openTrie(parts, { id: (opened += 1), name: [name, copy], expected }));
      tries.delete(key);
      tries.set(key, trie);
      relieve(tries);
      return trie;
    },
    opened: (name, copy) => tries.get(`${copy} ${name}`),
    forget: (name, copy) => void tries.delete(`${copy} ${name}`),
    async remove(name, copy) {
      const name_ = copy === undefined ? [name] : [name, copy];
      for (const key of tries.keys()) {
        if (key.endsWith(` ${name}`) && (copy === undefined || key.startsWith(`${copy} `))) {
          tries.delete(key);
        }
      }
      // The record first: without it, whatever a crash leaves of the rest is never read.
      for (const each of [tables.metas, tables.chunks, tables.pages]) {
        await deletePrefix(store, each.prefix(...name_));
      }
    },
    async writeAll() {
      for (const [key, trie] of tries) {
        try {
          await trie.write();
        } catch (error) {
          if (!isHansaError(error, 'CONFLICT')) {
            throw error;
          }
          tries.delete(key); // the other node's pages will do
        }
      }
    },
  };
}

/** The last in the map is in use: of the others, the oldest go until the rest is within bounds. */
function relieve(tries: Map<string, OpenTrie>): void {
  let pending = 0;
  for (const trie of tries.values()) {
    pending += trie.pending;
  }
  for (const [key, trie] of tries) {
    if (tries.size === 1 || (tries.size <= triesMax && pending <= pendingInAllMax)) {
      return;
    }
    pending -= trie.pending;
    tries.delete(key);
  }
}

interface Opening {
  readonly id: number;
  readonly name: TrieName;
  readonly expected: number;
}

async function openTrie(parts: TrieParts, opening: Opening): Promise<OpenTrie> {
  const { id, name, expected } = opening;
  const { tables } = parts;
  for (;;) {
    const row = await tables.metas.get(...name);
    if (row === undefined) {
      return new OpenTrie(parts, { id, name, levels: emptyLevels(depthFor(expected)) });
    }
    const { value: meta, modRevision } = row;
    const levels = emptyLevels(meta.depth);
    for await (const chunk of tables.chunks.rows(...name, meta.generation)) {
      const at = Number(chunk.key[3]) * nodesPerChunk * nodeBytes;
      levels[meta.depth]?.set(chunk.value, at);
    }
    if ((await tables.metas.get(...name))?.modRevision !== modRevision) {
      continue; // another node wrote while we read
    }
    riseAll(parts, levels);
    if (meta.at === meta.until && !equalBytes(rootOf(nodeAt(levels, 0, 0)), meta.root)) {
      throw new HansaError('STORE_DAMAGED', `the nodes of the digest of ${name[0]} do not join`);
    }
    return new OpenTrie(parts, { id, name, levels, meta: { value: meta, modRevision } });
  }
}

class OpenTrie implements PagedTrie, TrieShape {
  at: number;
  pending = 0;
  meta: StoredMeta | undefined;
  moving: Promise<void> | undefined;
  levels: Uint8Array[];
  readonly id: number;
  readonly name: TrieName;
  readonly dirty: Map<number, DirtyPage> = new Map();
  readonly #parts: TrieParts;
  readonly #alone: Mutex = createMutex();
  #isPageFull = false;

  constructor(
    parts: TrieParts,
    given: Pick<TrieShape, 'id' | 'name'> & {
      readonly levels: Uint8Array[];
      readonly meta?: StoredMeta;
    },
  ) {
    this.#parts = parts;
    this.id = given.id;
    this.name = given.name;
    this.levels = given.levels;
    this.meta = given.meta;
    this.at = given.meta?.value.at ?? 0;
  }

  get depth(): number {
    return this.levels.length - 1;
  }

  get writtenAt(): number {
    return this.meta?.value.at ?? 0;
  }

  get trustedFrom(): number {
    return this.meta?.value.until ?? 0;
  }

  get root(): Uint8Array {
    return rootOf(nodeAt(this.levels, 0, 0));
  }

  get isDue(): boolean {
    return this.pending > pendingMax || this.#isPageFull;
  }

  draft(): TrieDraft {
    return new LayeredDraft(this.#parts, this);
  }

  commit(draft: TrieDraft, at: number): void {
    invariant(draft instanceof LayeredDraft, 'a trie commits drafts of its own');
    invariant(draft.levels === this.levels, 'no page was cut anew since the draft was made');
    for (const [place, node] of draft.nodes) {
      const { depth, index } = placeParts(place);
      this.levels[depth]?.set(node, index * nodeBytes);
    }
    for (const [number, page] of draft.pages) {
      this.pending += page.count - (this.dirty.get(number)?.count ?? 0);
      this.#isPageFull ||= page.count > pendingOfPageMax;
      this.dirty.set(number, page);
    }
    this.at = at;
  }

  /**
   * Changes may be committed meanwhile: what is written is what there was at the beginning, and
   * what changed since stays dirty.
   */
  write(): Promise<void> {
    return this.#alone.run(async () => {
      if (this.dirty.size === 0 && this.writtenAt === this.at) {
        return;
      }
      const { id, name, depth, at } = this;
      const levels = this.levels.map((level) => level.slice());
      const dirty = new Map(this.dirty);
      this.#isPageFull = false;
      await writeBehind(
        this.#parts,
        { id, name, meta: this.meta, depth, levels, dirty },
        {
          at,
          // Whoever reads a page from now on may find it written already: what is dirty of it makes
          // up for the difference.
          move: (next) => this.#move(next),
        },
      );
      for (const [number, page] of dirty) {
        if (this.dirty.get(number) === page) {
          this.dirty.delete(number);
          this.pending -= page.count;
        }
      }
    });
  }

  async #move(next: Promise<StoredMeta>): Promise<StoredMeta> {
    const moving = next.then(
      (meta) => {
        this.meta = meta;
      },
      () => undefined, // told to whoever writes
    );
    this.moving = moving;
    await moving;
    this.moving = undefined;
    return next;
  }

  async deepen(): Promise<void> {
    if (isCrowded(this)) {
      await this.#deepenTo(depthFor(this.meta?.value.leaves ?? 0));
    }
  }

  async #deepenTo(depth: number): Promise<void> {
    while (this.dirty.size > 0) {
      await this.write();
    }
    await this.#alone.run(async () => {
      const { meta, levels } = await deepen(this.#parts, this, depth);
      this.meta = meta;
      this.levels = levels;
    });
  }

  async prepare(leaves: number): Promise<void> {
    const depth = depthFor((this.meta?.value.leaves ?? 0) + this.pending + leaves);
    if (leaves <= pendingOfPageMax || depth <= this.depth) {
      return;
    }
    if (this.meta === undefined && this.dirty.size === 0) {
      this.levels = emptyLevels(depth);
    } else {
      await this.#deepenTo(depth);
    }
  }

  get isCrowded(): boolean {
    return isCrowded(this);
  }

  /** Leaves below are read at a revision; what is in memory is copied, since commits change it. */
  view(): Promise<TrieView> {
    return this.#alone.run(async () => {
      const { store, tables } = this.#parts;
      const { entry, revision } = await store.get(tables.metas.key(...this.name));
      if ((entry?.modRevision ?? 0) !== (this.meta?.modRevision ?? 0)) {
        throw writtenByAnother(this.name);
      }
      const { id, name, meta, depth, at } = this;
      const levels = this.levels.map((level) => level.slice());
      const dirty = new Map(this.dirty);
      return createTrieView(
        this.#parts,
        { id, name, meta, depth, levels, dirty },
        { at, revision },
      );
    });
  }
}
