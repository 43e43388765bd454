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
  needs: MirrorInspectingNeeds,
  resource: FederatedId,
  order: InspectionOrder,
): Promise<MirrorInspection | undefined> {
  const { applied } = needs.copies;
  const before = applied.find(resource);
  if (before?.value.digest === undefined) {
    return undefined;
  }
  const counted = { entries: 0, bytes: 0 };
  try {
    const { epoch } = before.value;
    const problem = await problemOf(needs, { resource, epoch, order, counted });
    return stillThere(problem) ? { ...counted, ...(problem && { problem }) } : undefined;
  } catch (error) {
    order.signal.throwIfAborted();
    const problem = reportOf(error).message;
    const hasMoved = isHansaError(error, 'STORE_COMPACTED') || !stillThere(problem);
    return hasMoved ? undefined : { ...counted, problem };
  }

  // Whoever applies a batch meanwhile changes entries before the position that is held here.
  function stillThere(problem: string | undefined): boolean {
    return problem === undefined || applied.find(resource)?.modRevision === before?.modRevision;
  }
}

async function problemOf(
  { copies, history }: MirrorInspectingNeeds,
  given: {
    readonly resource: FederatedId;
    readonly epoch: number;
    readonly order: InspectionOrder;
    readonly counted: { entries: number; bytes: number };
  },
): Promise<string | undefined> {
  const { resource, epoch, order, counted } = given;
  const { trie, sound } = await copies.trie(resource, epoch);
  if (!sound) {
    return 'its digest is not the one that was applied';
  }
  const view = copies.view(resource, epoch);
  let problem: string | undefined;
  for await (const { key, hash } of (await trie.view()).leaves([])) {
    order.signal.throwIfAborted();
    const entry = await view.entry(key);
    if (entry === undefined) {
      problem ??= 'an entry is missing';
    } else if (!equalBytes(history.leaf(entry), hash)) {
      problem ??= 'an entry has changed by itself';
    }
    const bytes = key.length + (entry?.value.length ?? 0);
    counted.entries += 1;
    counted.bytes += bytes;
    await order.spend(bytes);
  }
  return problem;
}
