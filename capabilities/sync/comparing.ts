// What a mirror's copy and its owner's resource differ in, found from the root down: only where
// nodes differ are their children asked for, and only entries that differ travel.
import {
  childNode,
  equalBytes,
  HansaError,
  nodeKind,
  toHex,
  type TrieChange,
  type TrieLeaf,
  type TrieView,
} from '@hansa/foundation';
import type { ChangeOp, History, ResourceEntry } from '../resources/contract.ts';
import { digitsOf } from './serving-ranges.ts';
import { prefixesPerRequestMax, type PinnedPosition, type SyncPeer } from './wire.ts';

// What is held in memory and applied to a copy in place. Above, a copy is built anew beside it,
// which costs the whole of it on the way and nothing in memory.
export const differencesMax = 20_000;
// a few comparisons at once fit any machine
export const differenceBytesMax: number = 32 * 1_024 * 1_024;

export interface ComparingNeeds {
  readonly peer: Pick<SyncPeer, 'digests' | 'entries'>;
  readonly history: History;
  path(key: Uint8Array): Uint8Array;
  readonly signal: AbortSignal;
}

export interface Differences {
  readonly ops: readonly ChangeOp[];
  /** Of the entries after each operation, 0 where it deletes one. */
  readonly versions: readonly number[];
  readonly leaves: readonly TrieChange[];
}

/** Undefined where they are too many to be applied in place. */
export async function differences(
  needs: ComparingNeeds,
  pinned: PinnedPosition,
  ours: TrieView,
): Promise<Differences | undefined> {
  const found = new Found();
  const prefixes: string[] = [''];
  const wanted: string[] = [];
  while (prefixes.length > 0) {
    const some = prefixes.splice(0, prefixesPerRequestMax);
    const { signal } = needs;
    const said = await needs.peer.digests({ ...pinned, prefixes: some }, { signal });
    if (said.children.length !== some.length) {
      throw new HansaError('OUTPUT_INVALID', 'the owner answered for other prefixes');
    }
    for (const [index, prefix] of some.entries()) {
      const theirs = said.children[index] ?? new Uint8Array(0);
      const step = await compareChildren(ours, prefix, theirs);
      prefixes.push(...step.deeper);
      wanted.push(...step.wanted);
      step.gone.forEach((leaf) => found.remove(leaf));
    }
    if (prefixes.length + wanted.length > differencesMax || found.isTooMuch) {
      return undefined;
    }
  }
  return (await fetchWanted(needs, pinned, { ours, wanted, found })) ? found : undefined;
}

/** Operations as they are gathered. */
class Found implements Differences {
  readonly ops: ChangeOp[] = [];
  readonly versions: number[] = [];
  readonly leaves: TrieChange[] = [];
  #bytes = 0;

  get isTooMuch(): boolean {
    return this.ops.length > differencesMax || this.#bytes > differenceBytesMax;
  }

  remove({ key }: TrieLeaf): void {
    this.ops.push({ delete: { key } });
    this.versions.push(0);
    this.leaves.push({ key, hash: undefined });
  }

  put({ key, value, version, blobs }: ResourceEntry, hash: Uint8Array): void {
    this.ops.push({ put: { key, value, blobs } });
    this.versions.push(version);
    this.leaves.push({ key, hash });
    this.#bytes += key.length + value.length;
  }
}

interface Compared {
  readonly deeper: readonly string[];
  readonly wanted: readonly string[];
  readonly gone: readonly TrieLeaf[];
}

async function compareChildren(
  ours: TrieView,
  prefix: string,
  theirs: Uint8Array,
): Promise<Compared> {
  const mine = await ours.children(digitsOf(prefix));
  const deeper: string[] = [];
  const wanted: string[] = [];
  const gone: TrieLeaf[] = [];
  for (let digit = 0; digit < 16; digit += 1) {
    const [here, there] = [childNode(mine, digit), childNode(theirs, digit)];
    if (equalBytes(here, there)) {
      continue;
    }
    const below = prefix + digit.toString(16);
    if (there[0] === nodeKind.none) {
      gone.push(...(await leavesUnder(ours, below)));
    } else if (here[0] === nodeKind.branch && there[0] === nodeKind.branch) {
      deeper.push(below);
    } else {
      wanted.push(below);
    }
  }
  return { deeper, wanted, gone };
}

async function leavesUnder(view: TrieView, prefix: string): Promise<readonly TrieLeaf[]> {
  const leaves: TrieLeaf[] = [];
  for await (const leaf of view.leaves(digitsOf(prefix))) {
    leaves.push(leaf);
    if (leaves.length > differencesMax) {
      break; // one more than can be used
    }
  }
  return leaves;
}

/** False where they are too many. */
async function fetchWanted(
  needs: ComparingNeeds,
  pinned: PinnedPosition,
  given: { readonly ours: TrieView; readonly wanted: string[]; readonly found: Found },
): Promise<boolean> {
  const { ours, wanted, found } = given;
  wanted.sort();
  for (let at = 0; at < wanted.length; at += prefixesPerRequestMax) {
    const prefixes = wanted.slice(at, at + prefixesPerRequestMax);
    const held = new Map<string, TrieLeaf>();
    for (const prefix of prefixes) {
      for (const leaf of await leavesUnder(ours, prefix)) {
        held.set(toHex(leaf.path), leaf);
      }
    }
    for await (const { entry, path } of entriesUnder(needs, pinned, prefixes)) {
      const hash = needs.history.leaf(entry);
      const name = toHex(path);
      const before = held.get(name);
      held.delete(name);
      if (before === undefined || !equalBytes(before.hash, hash)) {
        found.put(entry, hash);
      }
      if (found.isTooMuch) {
        return false;
      }
    }
    held.forEach((leaf) => found.remove(leaf));
  }
  return !found.isTooMuch;
}

/** Page by page; OUTPUT_INVALID where they are not in order, or not what was asked for. */
export async function* entriesUnder(
  { peer, path, signal }: Pick<ComparingNeeds, 'peer' | 'path' | 'signal'>,
  pinned: PinnedPosition,
  prefixes: readonly string[],
): AsyncIterable<{ readonly entry: ResourceEntry; readonly path: Uint8Array }> {
  let after: Uint8Array | undefined;
  let last = '';
  for (;;) {
    const asked = { ...pinned, prefixes, ...(after === undefined ? {} : { after }) };
    const { entries, more } = await peer.entries(asked, { signal });
    for (const entry of entries) {
      const at = path(entry.key);
      const name = toHex(at);
      if (name <= last || !prefixes.some((prefix) => name.startsWith(prefix))) {
        throw new HansaError('OUTPUT_INVALID', 'the owner sent entries that were not asked for');
      }
      last = name;
      after = at;
      yield { entry, path: at };
    }
    if (!more) {
      return;
    }
    if (entries.length === 0) {
      throw new HansaError('OUTPUT_INVALID', 'the owner has more entries and sends none');
    }
  }
}
