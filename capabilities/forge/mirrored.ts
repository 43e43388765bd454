// The git kind: how a mirror checks a batch of pushes before refs may move, and moves them after
// the store.
import { HansaError } from '@hansa/foundation';
import type { SequencedChange } from '../resources/contract.ts';
import type { FederatedKind, MirrorView, StagedBatch } from '../sync/contract.ts';
import type { CacheNeeds, Caches } from './caches.ts';
import { gitKind } from './contract.ts';
import { emptyState, isPackKey, refsKey, stateOf } from './entries.ts';
import type { RepositoryState, Staged } from './git.ts';
import { movedTable, signaturesOf } from './protecting.ts';
import {
  isSignatureKey,
  protectedMoves,
  protectKey,
  protects,
  requireQuorum,
  signedMoveFrom,
  tableFrom,
} from './protections.ts';

const missingNamedMax = 10; // enough to see what is wrong
const bitmapObjectsMin = 5_000; // below, walking the history takes a clone no time worth saving

export function createGitKind(needs: CacheNeeds, caches: Caches): FederatedKind {
  return {
    kind: gitKind,
    stage: (before, changes, signal) =>
      caches.exclusively(caches.key(before), () =>
        stage({ ...needs, caches }, { before, changes, signal }),
      ),
    async settle(mirror, signal) {
      await caches.exclusively(caches.key(mirror), () => caches.bring(mirror, signal));
    },
    purge: (mirror) => caches.exclusively(caches.key(mirror), () => caches.drop(mirror)),
  };
}

interface StageWork {
  readonly before: MirrorView;
  readonly changes: readonly SequencedChange[];
  readonly signal: AbortSignal;
}

async function stage(
  needs: CacheNeeds & { readonly caches: Caches },
  { before, changes, signal }: StageWork,
): Promise<StagedBatch> {
  const { git, blobs, caches, log } = needs;
  const key = caches.key(before);
  await caches.bringObjects(before, signal);
  const after = await stateAfter(needs, before, changes);
  const packs = changes
    .flatMap(({ change }) => change.ops)
    .flatMap((op) => ('put' in op && isPackKey(op.put.key) ? op.put.blobs : []))
    .map(({ id }) => blobs.read(id, { signal }));
  const staged = await git.stage(key, { packs, shallow: after.shallow, signal });
  try {
    await requireWhole(staged, after);
    await requireDelegates(needs, { before, changes, after });
    // Objects may be there before refs name them; refs move only after the store has moved.
    await staged.adopt();
  } catch (error) {
    await staged.discard();
    throw error;
  }
  return {
    async commit() {
      caches.doubt(key);
      await caches.exclusively(key, () => git.setState(key, after));
      if (staged.objects >= bitmapObjectsMin) {
        // Nobody waits for it: without one, clones only take longer.
        void caches
          .exclusively(key, () => git.writeBitmap(key))
          .catch((error: unknown) => log.event('forge.bitmap-failed', { reason: String(error) }));
      }
    },
    discard: async () => undefined,
  };
}

async function requireWhole(staged: Staged, { refs }: RepositoryState): Promise<void> {
  const missing = await staged.missing([...new Set(refs.map(({ target }) => target))]);
  if (missing.length > 0) {
    const named = missing.slice(0, missingNamedMax).join(', ');
    throw new HansaError(
      'GIT_CLOSURE_INCOMPLETE',
      `the owner's refs need objects that are nowhere: ${named}`,
    );
  }
  // Git would refuse such a branch after the store has moved, and the mirror would call itself
  // current with refs that it does not have.
  const branches = refs.filter(({ name }) => name.startsWith('refs/heads/'));
  const [other] = await staged.notCommits([...new Set(branches.map(({ target }) => target))]);
  if (other !== undefined) {
    throw new HansaError('CHANGE_INVALID', `a branch of the owner's is no commit: ${other}`);
  }
}

async function stateAfter(
  needs: CacheNeeds,
  before: MirrorView,
  changes: readonly SequencedChange[],
): Promise<RepositoryState> {
  const op = changes
    .flatMap(({ change }) => change.ops)
    .findLast((each) => 'put' in each && each.put.key.join() === refsKey.join());
  if (op !== undefined && 'put' in op) {
    return stateOf(needs, op.put);
  }
  const held = await before.entry(refsKey);
  return held === undefined ? emptyState : stateOf(needs, held);
}

/**
 * Signature, chain and digest say that the owner made the change; this, that its delegates agreed.
 * The first copy of a repository takes its protections on the owner's word.
 */
async function requireDelegates(
  needs: CacheNeeds,
  given: {
    readonly before: MirrorView;
    readonly changes: readonly SequencedChange[];
    readonly after: RepositoryState;
  },
): Promise<void> {
  const { before, changes, after } = given;
  const { resource } = before;
  const table = tableFrom(needs, await before.entry(protectKey));
  if (table.length === 0) {
    return;
  }
  const puts = changes
    .flatMap(({ change }) => change.ops)
    .flatMap((op) => ('put' in op ? op.put : []));
  const brought = puts.filter(({ key }) => isSignatureKey(key));
  const signed = [
    ...(await signaturesOf(needs, before)),
    ...brought.map(({ value }) => signedMoveFrom(needs, value)),
  ];
  const old = await stateOf(needs, await before.entry(refsKey));
  for (const move of protectedMoves(table, old, after)) {
    const rules = table.filter((rule) => protects(rule, move.ref));
    requireQuorum(needs, rules, { resource, move, signed });
  }
  const tables = changes
    .flatMap(({ change }) => change.ops)
    .filter((op) => ('put' in op ? op.put.key : op.delete.key).join() === protectKey.join());
  for (const op of tables.slice(-1)) {
    const next = tableFrom(needs, 'put' in op ? op.put : undefined);
    const move = movedTable(needs, table, next);
    if (move.from !== move.to) {
      requireQuorum(needs, table, { resource, move, signed });
    }
  }
}
