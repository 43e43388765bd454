// Taking a push: what stock git has checked becomes one change of the repository's log, and only
// then does git move its refs.
import {
  HansaError,
  isHansaError,
  reportOf,
  type ErrorCode,
  type FederatedId,
  type LocalId,
} from '@hansa/foundation';
import type { BlobReference, ChangeOp } from '../resources/contract.ts';
import { sameState } from './caches.ts';
import { packBytesMax } from './contract.ts';
import { packOp, putBlob, refsKey, refsOp, stateOf } from './entries.ts';
import type { ObjectId, Push, PushDecision, RepositoryState } from './git.ts';
import { requireSigned } from './protecting.ts';
import { lenderOf, ownRepository, type Parts } from './repositories.ts';

const refusedForGood: readonly ErrorCode[] = [
  'CHANGE_TOO_LARGE',
  'INPUT_TOO_LARGE',
  'REF_UNSIGNED',
];

/**
 * The store decides: pack into blobs, refs and pack into one change, then git may move its refs.
 */
export async function accept(parts: Parts, id: LocalId, push: Push): Promise<PushDecision> {
  const { resources, signer } = parts;
  const own = ownRepository(parts, id);
  const position = resources.point(id);
  const stored = await stateOf(parts, await resources.entry(id, refsKey));
  if (position === undefined || !sameState(stored, push.before)) {
    return { accept: false, reason: 'the repository changed meanwhile: fetch, then push again' };
  }
  const after = { ...push.after, head: headAfter(push.after) };
  try {
    const ops: ChangeOp[] = [await refsOp(parts, after)];
    await requireSigned(parts, own, { before: stored, after });
    const pack = await push.pack(await borrowed(parts, own.resource));
    if (pack !== undefined) {
      ops.push(packOp(position.sequence, await putPack(parts, pack)));
    }
    await resources.append(id, ops, { author: signer.name, expect: position.sequence });
  } catch (error) {
    if (isHansaError(error, 'CONFLICT')) {
      return { accept: false, reason: 'somebody else pushed at the same moment: push again' };
    }
    if (refusedForGood.some((code) => isHansaError(error, code))) {
      return { accept: false, reason: reportOf(error).message };
    }
    throw error;
  }
  return { accept: true, head: after.head };
}

/** What a lane borrows is had by whoever reads it. */
async function borrowed(parts: Parts, resource: FederatedId): Promise<readonly ObjectId[]> {
  const lender = await lenderOf(parts, resource);
  const state = lender === undefined ? undefined : await parts.caches.shown(lender);
  return state?.refs.map(({ target }) => target) ?? [];
}

export async function putPack(
  parts: Parts,
  pack: AsyncIterable<Uint8Array>,
): Promise<BlobReference> {
  let bytes = 0;
  const bounded = async function* (): AsyncIterable<Uint8Array> {
    for await (const piece of pack) {
      bytes += piece.length;
      if (bytes > packBytesMax) {
        throw new HansaError('INPUT_TOO_LARGE', `a push holds at most ${packBytesMax} bytes`);
      }
      yield piece;
    }
  };
  return putBlob(parts, bounded());
}

/** HEAD names a branch that exists, where any does: what a clone checks out. */
export function headAfter({ head, refs }: RepositoryState): string {
  const branches = refs.map(({ name }) => name).filter((name) => name.startsWith('refs/heads/'));
  if (branches.includes(head) || branches.length === 0) {
    return head;
  }
  const usual = ['refs/heads/main', 'refs/heads/master'].find((name) => branches.includes(name));
  return usual ?? branches[0] ?? head;
}
