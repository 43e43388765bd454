// Proof that entries are still there: a range of them, hashed with a salt by whoever says it has
// them. The asked one reads them from its store; on the way it sees whether its own disk has lied.
import {
  childNode,
  equalBytes,
  HansaError,
  isPeer,
  nodeKind,
  splitFederatedId,
  hashTranscript,
  type Call,
  type ClusterId,
  type Crypto,
  type FederatedId,
  type Random,
  type TrieLeaf,
  type TrieView,
} from '@hansa/foundation';

import type { History, ResourceEntry } from '../resources/contract.ts';
import type { Copies } from './copies.ts';
import { digitsOf } from './serving-ranges.ts';
import type { SyncPeer } from './wire.ts';

const attemptsMax = 3; // a mirror that moves while it answers tries again, then says nothing

/**
 * A prefix under which something lies, about a page of leaves, whichever way chance goes: the cost
 * of a challenge does not grow with the resource.
 */
export async function chancePrefix(view: TrieView, random: Random): Promise<string> {
  let prefix = '';
  while (prefix.length < view.depth) {
    const children = await view.children(digitsOf(prefix));
    const present = Array.from({ length: 16 }, (_, digit) => digit).filter(
      (digit) => childNode(children, digit)[0] !== nodeKind.none,
    );
    const digit = present[Math.floor(random.fraction() * present.length)];
    if (digit === undefined) {
      return prefix;
    }
    prefix += digit.toString(16);
  }
  return prefix;
}

/** Over the entries under the prefix, in the order of the hashes of their keys. */
export function challengeAnswer(
  { crypto, history }: { readonly crypto: Crypto; readonly history: History },
  asked: { readonly prefix: string; readonly salt: Uint8Array },
  entries: readonly ResourceEntry[],
): Uint8Array {
  const fields = entries.flatMap((entry) => [entry.key, entry.version, history.valueHash(entry)]);
  return hashTranscript(crypto, 'hansa/challenge/2', [asked.salt, asked.prefix, ...fields]);
}

/** What is stored of the leaves under a prefix; an entry that is lost is missing in it. */
export async function entriesOf(
  view: TrieView,
  prefix: string,
  entry: (key: Uint8Array) => Promise<ResourceEntry | undefined>,
): Promise<{ readonly entries: readonly ResourceEntry[]; readonly leaves: readonly TrieLeaf[] }> {
  const entries: ResourceEntry[] = [];
  const leaves: TrieLeaf[] = [];
  for await (const leaf of view.leaves(digitsOf(prefix))) {
    const found = await entry(leaf.key);
    leaves.push(leaf);
    if (found !== undefined) {
      entries.push(found);
    }
  }
  return { entries, leaves };
}

export interface ChallengedNeeds {
  readonly copies: Copies;
  readonly history: History;
  readonly crypto: Crypto;
  /** Our own entries are not what we verified when we applied them. */
  damaged(resource: FederatedId): void;
}

export async function answerChallenge(
  needs: ChallengedNeeds,
  input: Parameters<SyncPeer['challenge']>[0],
  call: Call | undefined,
): ReturnType<SyncPeer['challenge']> {
  const { copies } = needs;
  const { resource } = input;
  const { owner } = splitFederatedId(resource);
  requireOwner(copies, { resource, owner, call });
  for (let attempt = 1; ; attempt += 1) {
    const applied = copies.applied.find(resource)?.value;
    if (applied === undefined) {
      throw notMirrored();
    }
    const { epoch, sequence } = applied;
    const trie = await copies.tries.beside(resource, applied.copy, applied);
    const view = await trie?.view();
    const mirror = copies.view(resource, epoch);
    const { entries, leaves } =
      view === undefined
        ? { entries: [], leaves: [] }
        : await entriesOf(view, input.prefix, (key) => mirror.entry(key));
    const isStill = copies.applied.find(resource)?.value === applied;
    if (isStill && view?.at === sequence) {
      if (!areEqual(needs.history, entries, leaves)) {
        needs.damaged(resource);
      }
      return { epoch, sequence, answer: challengeAnswer(needs, input, entries) };
    }
    if (attempt === attemptsMax) {
      // Of no position: it proves and disproves nothing.
      return { epoch, sequence: 0, answer: new Uint8Array(32) };
    }
  }
}

function areEqual(
  history: History,
  entries: readonly ResourceEntry[],
  leaves: readonly TrieLeaf[],
): boolean {
  return (
    entries.length === leaves.length &&
    entries.every((entry, at) => equalBytes(history.leaf(entry), leaves[at]?.hash ?? entry.key))
  );
}

function requireOwner(
  { applied }: Copies,
  asked: {
    readonly resource: FederatedId;
    readonly owner: ClusterId;
    readonly call: Call | undefined;
  },
): void {
  const { resource, owner, call } = asked;
  const isOwner = isPeer(call?.caller) && call.caller.cluster === owner;
  if (!isOwner || applied.find(resource) === undefined) {
    throw notMirrored();
  }
}

function notMirrored(): HansaError {
  return new HansaError('MIRROR_NOT_FOUND', 'no mirror of yours by that id is here');
}
