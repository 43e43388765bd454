// Whether a batch extends the history we hold: signature, gap, chain, digest, in this order, and
// before anything is fetched or applied.
import { equalBytes, HansaError, type TrieChange, type TrieDraft } from '@hansa/foundation';
import type { Head, History, SequencedChange } from '../resources/contract.ts';
import type { AppliedRecord } from './keys.ts';

const leavesAtOnce = 4_096; // about a tenth of a second

export interface Batch {
  readonly changes: readonly SequencedChange[];
  readonly head: Head;
}

/** What the mirror holds in the head's epoch; undefined where it starts afresh. */
export interface Held {
  readonly applied: AppliedRecord | undefined;
  versionOf(key: Uint8Array): number;
}

/** A position after each change, so that applying can stop and resume between any two. */
export interface Step {
  readonly change: SequencedChange;
  readonly chain: Uint8Array;
  /** Of the entries after each operation, 0 where it deleted one. */
  readonly versions: readonly number[];
}

/** Steps that are applied in one transaction. */
export interface StepGroup {
  readonly steps: readonly Step[];
  /** What they do to the digest trie. */
  readonly leaves: readonly TrieChange[];
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
    throw before === undefined && changes.length > 0
      ? new HansaError(
          'CHANGE_INVALID',
          `the changes of ${head.resource} do not give the chain that its owner signed`,
        )
      : forked(head, `and its chain does not go on from the one we hold`);
  }
  return steps;
}

/** What the owner signed does not go on from what it had signed before. */
function forked(head: Head, how: string): HansaError {
  return new HansaError(
    'HEAD_FORKED',
    `the owner of ${head.resource} signs ${head.epoch}/${head.sequence}, ${how}`,
    { fix: 'hansa mirror show has both heads; ask the owner which history counts' },
  );
}

/** What each group does to the digest; DIGEST_MISMATCH where all of them do not give the head's. */
export async function verifyDigest(
  history: History,
  given: {
    readonly head: Head;
    readonly groups: readonly (readonly Step[])[];
    readonly draft: TrieDraft;
  },
): Promise<readonly StepGroup[]> {
  const { head, groups, draft } = given;
  const withLeaves = groups.map((steps) => ({ steps, leaves: leavesOf(history, steps) }));
  const leaves = withLeaves.flatMap((group) => group.leaves);
  // Many at once share most of the branches above them; too many would hold up everything else.
  for (let at = 0; at < leaves.length; at += leavesAtOnce) {
    await draft.apply(leaves.slice(at, at + leavesAtOnce));
  }
  if (!equalBytes(draft.root, head.digest)) {
    throw new HansaError(
      'DIGEST_MISMATCH',
      `the entries of ${head.resource} do not give the digest that its owner signed`,
    );
  }
  return withLeaves;
}

/** What steps do to the digest trie. */
export function leavesOf(history: History, steps: readonly Step[]): readonly TrieChange[] {
  return steps.flatMap(({ change, versions }) => history.trieChanges(change.change.ops, versions));
}

export function requireNoFork(
  head: Head,
  applied: Pick<AppliedRecord, 'epoch' | 'sequence' | 'digest'> | undefined,
): void {
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
  const { digest } = applied;
  const isOther = digest !== undefined && !equalBytes(head.digest, digest);
  if (head.sequence === applied.sequence && isOther) {
    throw new HansaError(
      'HEAD_FORKED',
      `the owner of ${head.resource} signed two states at sequence ${head.sequence}`,
    );
  }
}

function requireNoGap({ head, changes }: Batch, applied: AppliedRecord | undefined): void {
  const held = applied?.epoch === head.epoch ? applied.sequence : undefined;
  const [first] = changes;
  requireOurs(head, first, held);
  let previous = held ?? first?.change.previous;
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

/**
 * A change that was made on top of an older one than ours, and reaches beyond it: where we stand,
 * its owner never stood.
 */
function requireOurs(
  head: Head,
  first: SequencedChange | undefined,
  held: number | undefined,
): void {
  if (held === undefined || first === undefined) {
    return;
  }
  const { previous } = first.change;
  if (previous < held && first.sequence > held) {
    throw forked(head, `on top of ${previous}, without the ${held} we hold`);
  }
}

function stepsOf(history: History, { head, changes }: Batch, held: Held): readonly Step[] {
  const known = new Map<string, number>();
  let chain =
    held.applied?.epoch === head.epoch
      ? held.applied.chain
      : history.firstChain(head.resource, head.epoch);
  return changes.map((change) => {
    chain = history.nextChain(chain, change.change);
    const versions = change.change.ops.map((op) => {
      const key = 'delete' in op ? op.delete.key : op.put.key;
      const name = key.join();
      const version = 'delete' in op ? 0 : (known.get(name) ?? held.versionOf(key)) + 1;
      known.set(name, version);
      return version;
    });
    return { change, chain, versions };
  });
}
