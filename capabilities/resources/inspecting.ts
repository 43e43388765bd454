// Reading a resource whole and holding it against what proves it: every entry against its leaf in
// the digest trie, every kept change against the chain.
import {
  equalBytes,
  federatedId,
  isHansaError,
  reportOf,
  type LocalId,
  type TrieLeaf,
} from '@hansa/foundation';
import { pointFrom, type Held } from './appending.ts';
import type {
  InspectionOrder,
  Point,
  ResourceEntry,
  ResourceInspection,
  ResourceProblem,
  Snapshot,
} from './contract.ts';
import type { Digests } from './digests.ts';
import { chainAfter, changeBytes, firstChain, leafOf } from './history.ts';
import { sequenceOf } from './keys.ts';

// a disk that is torn would name a million; the next round names the rest
const problemsMax = 1_000;

export async function inspectResource(
  held: Held,
  digests: Digests,
  given: InspectionOrder & { readonly id: LocalId },
): Promise<ResourceInspection | undefined> {
  const { id } = given;
  const problems: ResourceProblem[] = [];
  const found = (problem: ResourceProblem): void => {
    if (problems.length < problemsMax) {
      problems.push(problem);
    }
  };
  const counted = { entries: 0, bytes: 0 };
  const state = held.states.find(id);
  if (state === undefined || held.resources.find(id)?.value.removed !== false) {
    return undefined;
  }
  try {
    await inspectChanges(held, { ...given, point: pointFrom(state), found });
    const snapshot = await digests.snapshot(id);
    if (snapshot !== undefined) {
      await inspectEntries(held, { ...given, snapshot, found, counted });
    }
  } catch (error) {
    given.signal.throwIfAborted();
    if (isHansaError(error, 'STORE_COMPACTED')) {
      return undefined; // it moved on faster than it was read: the next round tells
    }
    found({ what: 'unreadable', sentence: reportOf(error).message });
  }
  return { ...counted, problems };
}

interface Inspecting extends InspectionOrder {
  readonly id: LocalId;
  readonly found: (problem: ResourceProblem) => void;
}

async function inspectEntries(
  held: Held,
  work: Inspecting & {
    readonly snapshot: Snapshot;
    readonly counted: { entries: number; bytes: number };
  },
): Promise<void> {
  const { crypto } = held;
  const { snapshot, found, counted, signal } = work;
  for await (const leaf of snapshot.trie.leaves([])) {
    signal.throwIfAborted();
    const { entry, reason } = await readEntry(snapshot, leaf);
    const isRight = entry !== undefined && equalBytes(leafOf(crypto, entry), leaf.hash);
    if (!isRight) {
      found({ what: 'entry', key: leaf.key, leaf: leaf.hash, sentence: reason });
    }
    const bytes = leaf.key.length + (entry?.value.length ?? 0);
    counted.entries += 1;
    counted.bytes += bytes;
    await work.spend(bytes);
  }
}

async function readEntry(
  snapshot: Snapshot,
  { key }: TrieLeaf,
): Promise<{ readonly entry?: ResourceEntry; readonly reason: string }> {
  try {
    const entry = await snapshot.entry(key);
    return entry === undefined
      ? { reason: 'an entry is missing' }
      : { entry, reason: 'an entry is not what the digest says' };
  } catch (error) {
    if (isHansaError(error, 'STORE_COMPACTED')) {
      throw error; // it moved on while it was read: no word on the entry
    }
    return { reason: `an entry cannot be read: ${reportOf(error).message}` };
  }
}

/** What is kept leads without a gap to where the resource stands, and hashes to its chain. */
async function inspectChanges(
  held: Held,
  work: Inspecting & { readonly point: Point },
): Promise<void> {
  const { tables } = held;
  const { id, point, found, signal } = work;
  const { epoch, sequence } = point;
  const keptAfter = (await tables.kept.get(id, epoch))?.value ?? 0;
  const chains = await knownChains(held, work, keptAfter);
  let at = keptAfter;
  let known = chains.get(keptAfter);
  for await (const row of tables.changes.rowsFrom([id, epoch], keptAfter)) {
    signal.throwIfAborted();
    const { previous } = row.value;
    if (previous >= sequence) {
      break; // written since
    }
    if (at > 0 && previous !== at) {
      found(gapBefore(previous));
      known = chains.get(previous);
    }
    const content = changeBytes(row.value);
    at = sequenceOf(row);
    known = step(held, { known, content, said: chains.get(at) }, () => {
      const sentence = `the changes up to ${at} are not what was hashed`;
      found({ what: 'change', upTo: at, sentence });
    });
    await work.spend(content.length);
  }
  if (at !== sequence && at > 0) {
    found(gapBefore(sequence));
  }
}

/** Of the points whose chain is kept, by their sequence; of the beginning of an epoch, by 0. */
async function knownChains(
  { tables, crypto, signer }: Held,
  { id, point }: { readonly id: LocalId; readonly point: Point },
  keptAfter: number,
): Promise<ReadonlyMap<number, Uint8Array>> {
  const { epoch, sequence, chain } = point;
  const chains = new Map<number, Uint8Array>([
    [0, firstChain(crypto, federatedId(signer.cluster, id), epoch)],
    [sequence, chain],
  ]);
  for await (const { value } of tables.checkpoints.rowsFrom([id, epoch], keptAfter)) {
    chains.set(value.sequence, value.chain);
  }
  return chains;
}

/** The chain after a change, as far as it is known; calls where it is not what was kept. */
function step(
  { crypto }: Held,
  given: {
    readonly known: Uint8Array | undefined;
    readonly content: Uint8Array;
    readonly said: Uint8Array | undefined;
  },
  differs: () => void,
): Uint8Array | undefined {
  const { known, content, said } = given;
  const next = known === undefined ? undefined : chainAfter(crypto, known, content);
  if (next !== undefined && said !== undefined && !equalBytes(next, said)) {
    differs();
  }
  return said ?? next;
}

function gapBefore(sequence: number): ResourceProblem {
  return { what: 'change', upTo: sequence, sentence: `the change before ${sequence} is missing` };
}
