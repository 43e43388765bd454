// Whether a batch extends the history we hold: signature, gap, chain, digest, in this order; pure,
// and before anything is fetched or applied.
import { equalBytes, HansaError, type DigestTrie } from '@hansa/foundation';
import type { Head, History, SequencedChange } from '../resources/contract.ts';
import type { AppliedRecord } from './keys.ts';

export interface Batch {
  readonly changes: readonly SequencedChange[];
  readonly head: Head;
}

/** What the mirror holds in the head's epoch; undefined where it starts afresh. */
export interface Held {
  readonly applied: AppliedRecord | undefined;
  readonly trie: DigestTrie;
  versionOf(key: Uint8Array): number;
}

/** A position after each change, so that applying can stop and resume between any two. */
export interface Step {
  readonly change: SequencedChange;
  readonly chain: Uint8Array;
  readonly trie: DigestTrie;
  /** Entry versions after the change, by the key's text. */
  readonly versions: ReadonlyMap<string, number>;
}

export function verifyBatch(history: History, batch: Batch, held: Held): readonly Step[] {
  const { head, changes } = batch;
  history.verify(head);
  requireNoFork(head, held.applied);
  requireNoGap(batch, held.applied);
  const steps = stepsOf(history, batch, held);
  const last = steps.at(-1);
  const before = held.applied?.epoch === head.epoch ? held.applied.chain : undefined;
  const chain = last?.chain ?? before ?? history.firstChain(head.resource, head.epoch);
  if (!equalBytes(chain, head.chain)) {
    throw new HansaError(
      changes.length === 0 ? 'HEAD_FORKED' : 'CHANGE_INVALID',
      `the changes of ${head.resource} do not give the chain that its owner signed`,
    );
  }
  if (!equalBytes(last?.trie.root ?? held.trie.root, head.digest)) {
    throw new HansaError(
      'DIGEST_MISMATCH',
      `the entries of ${head.resource} do not give the digest that its owner signed`,
    );
  }
  return steps;
}

function requireNoFork(head: Head, applied: AppliedRecord | undefined): void {
  if (applied === undefined || head.epoch > applied.epoch) {
    return;
  }
  if (head.epoch < applied.epoch || head.sequence < applied.sequence) {
    throw new HansaError(
      'HEAD_REWOUND',
      `the owner of ${head.resource} signs ${head.epoch}/${head.sequence}, ` +
        `behind the ${applied.epoch}/${applied.sequence} we hold`,
    );
  }
  if (head.sequence === applied.sequence && !equalBytes(head.digest, applied.digest)) {
    throw new HansaError(
      'HEAD_FORKED',
      `the owner of ${head.resource} signed two states at sequence ${head.sequence}`,
    );
  }
}

function requireNoGap({ head, changes }: Batch, applied: AppliedRecord | undefined): void {
  let previous = applied?.epoch === head.epoch ? applied.sequence : changes[0]?.change.previous;
  for (const { change, sequence } of changes) {
    if (change.epoch !== head.epoch || change.previous !== previous || sequence <= previous) {
      throw new HansaError(
        'CHANGE_GAP',
        `after ${String(previous)} of ${head.resource} came a change on top of ${change.previous}`,
      );
    }
    previous = sequence;
  }
  if (changes.length > 0 && previous !== head.sequence) {
    throw new HansaError(
      'CHANGE_GAP',
      `the changes of ${head.resource} end at ${String(previous)}, its head at ${head.sequence}`,
    );
  }
}

function stepsOf(history: History, { head, changes }: Batch, held: Held): readonly Step[] {
  const versions = new Map<string, number>();
  const versionOf = (key: Uint8Array): number => versions.get(key.join()) ?? held.versionOf(key);
  let { trie } = held;
  let chain =
    held.applied?.epoch === head.epoch
      ? held.applied.chain
      : history.firstChain(head.resource, head.epoch);
  return changes.map((change) => {
    trie = history.applyToTrie(trie, { change: change.change, versionOf });
    chain = history.nextChain(chain, change.change);
    const after = new Map<string, number>();
    for (const op of change.change.ops) {
      const key = 'delete' in op ? op.delete.key : op.put.key;
      after.set(key.join(), 'delete' in op ? 0 : versionOf(key) + 1);
    }
    after.forEach((version, key) => versions.set(key, version));
    return { change, chain, trie, versions: after };
  });
}
