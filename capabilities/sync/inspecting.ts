// Reading a mirror whole and holding it against the digest that was verified when it was applied:
// every entry against its leaf. What is wrong is asked of the owner again.
import { equalBytes, isHansaError, reportOf, type FederatedId } from '@hansa/foundation';
import type { History, InspectionOrder } from '../resources/contract.ts';
import type { MirrorInspection } from './contract.ts';
import type { Copies } from './copies.ts';

export interface MirrorInspectingNeeds {
  readonly copies: Copies;
  readonly history: Pick<History, 'leaf'>;
}

/** Undefined where nothing has been applied, or where it moved on while it was read. */
export async function inspectMirror(
  { copies, history }: MirrorInspectingNeeds,
  resource: FederatedId,
  order: InspectionOrder,
): Promise<MirrorInspection | undefined> {
  const applied = copies.applied.find(resource);
  if (applied?.value.digest === undefined) {
    return undefined;
  }
  const { epoch, digest } = applied.value;
  const counted = { entries: 0, bytes: 0 };
  let problem: string | undefined;
  try {
    const { trie, sound } = await copies.trie(resource, epoch);
    const trieView = await trie.view();
    problem = sound ? undefined : 'its digest is not the one that was applied';
    const view = copies.view(resource, epoch);
    for await (const { key, hash } of sound ? trieView.leaves([]) : []) {
      order.signal.throwIfAborted();
      const entry = await view.entry(key);
      const isRight = entry !== undefined && equalBytes(history.leaf(entry), hash);
      if (!isRight) {
        problem ??= entry === undefined ? 'an entry is missing' : 'an entry has changed by itself';
      }
      const bytes = key.length + (entry?.value.length ?? 0);
      counted.entries += 1;
      counted.bytes += bytes;
      await order.spend(bytes);
    }
    problem = equalBytes(trieView.root, digest) ? problem : (problem ?? 'its digest has changed');
  } catch (error) {
    order.signal.throwIfAborted();
    if (isHansaError(error, 'STORE_COMPACTED')) {
      return undefined;
    }
    problem = reportOf(error).message;
  }
  // Whoever applies a batch meanwhile changes entries before the position that is held here.
  const isStill = copies.applied.find(resource)?.modRevision === applied.modRevision;
  if (problem !== undefined && !isStill) {
    return undefined;
  }
  return problem === undefined ? counted : { ...counted, problem };
}
