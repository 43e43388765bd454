// Removing old records: the anchor goes in first and says what the rest follows, then the records
// go, in as many changes as it takes. What a crash leaves of them is under the anchor, is shown to
// nobody, and goes with the next prune.
import { HansaError, type Clock } from '@hansa/foundation';
import type { Signer } from '../identity/contract.ts';
import { changeOpsMax, type ChangeOp } from '../resources/contract.ts';
import { auditKeptMs, type PrunePlan } from './contract.ts';
import { anchorKey, recordKey } from './keys.ts';
import { signAnchor } from './signing.ts';
import type { AuditChain, ChainNeeds } from './chain.ts';
import { auditRecordsMax, type AuditWriter } from './writing.ts';

const nearlyFull = 0.8; // from here on it is warned of, and what is old enough goes by itself
const pruneEveryMs = 3_600_000; // a quarter of a million records an hour would be an attack

export interface PruningNeeds extends Pick<ChainNeeds, 'codec'> {
  readonly clock: Clock;
  readonly signer: Signer;
  readonly writer: AuditWriter;
  readonly chain: AuditChain;
  readonly recordsMax?: number | undefined;
}

export async function planPrune(needs: PruningNeeds, beforeMs: number): Promise<PrunePlan> {
  const { chain, clock } = needs;
  const tail = await chain.tail();
  const { sequence: anchored } = await chain.start();
  const last = tail?.sequence ?? 0;
  // The newest stays: an audit without any would have nothing that its next record follows.
  const to = await lastBefore(chain, { first: anchored + 1, last: last - 1 }, beforeMs);
  return {
    beforeMs,
    records: Math.max(0, to - anchored),
    to: to > anchored ? to : 0,
    kept: last - Math.max(to, anchored),
    young: to > anchored && beforeMs > clock.now() - auditKeptMs,
  };
}

async function lastBefore(
  chain: AuditChain,
  { first, last }: { readonly first: number; readonly last: number },
  beforeMs: number,
): Promise<number> {
  let [low, high] = [first - 1, Math.max(first - 1, last)];
  while (low < high) {
    const middle = Math.ceil((low + high) / 2);
    const record = await chain.record(middle);
    if (record === undefined || record.atMs < beforeMs) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return low;
}

/** FEDERATION_OFF where there is no key to sign the anchor with. */
export async function prune(
  needs: PruningNeeds,
  beforeMs: number,
  author: string,
): Promise<PrunePlan> {
  const { chain, writer, signer, codec, clock } = needs;
  const plan = await planPrune(needs, beforeMs);
  if (plan.to === 0) {
    return plan;
  }
  const last = await chain.record(plan.to);
  if (last === undefined) {
    throw new HansaError('STORE_DAMAGED', `record ${plan.to} is not there to be anchored at`, {
      fix: 'hansa audit verify',
    });
  }
  const anchor = signAnchor(signer, last, clock.now());
  await writer.write({
    principal: author,
    via: '',
    source: '',
    act: 'audit.pruned',
    permission: '',
    target: '',
    outcome: 'OK',
    count: 1,
    facts: { records: plan.records, to: plan.to },
  });
  const first = plan.to - plan.records + 1;
  await writer.alone([{ put: { key: anchorKey, value: codec.encode(anchor), blobs: [] } }]);
  writer.removedTo(plan.to);
  await removeRecords(writer, { first, last: plan.to });
  return plan;
}

async function removeRecords(
  writer: AuditWriter,
  { first, last }: { readonly first: number; readonly last: number },
): Promise<void> {
  for (let from = first; from <= last; from += changeOpsMax) {
    const count = Math.min(changeOpsMax, last - from + 1);
    const ops = Array.from({ length: count }, (_, at): ChangeOp => {
      return { delete: { key: recordKey(from + at) } };
    });
    await writer.alone(ops);
  }
}

export function fullness({
  writer,
  recordsMax = auditRecordsMax,
}: PruningNeeds): HansaError | undefined {
  const { count } = writer;
  return count < recordsMax * nearlyFull
    ? undefined
    : new HansaError(
        'AUDIT_FULL',
        `the audit has ${count} of at most ${recordsMax} records: those older than 90 days go ` +
          'first, and where that is not enough nothing is changed that must be audited',
      );
}

/** Removes by itself only what is old, and only where there is little room left. */
export async function pruneOld(needs: PruningNeeds, signal: AbortSignal): Promise<void> {
  const { clock, writer, recordsMax = auditRecordsMax } = needs;
  for (;;) {
    if (writer.count >= recordsMax * nearlyFull) {
      await prune(needs, clock.now() - auditKeptMs, 'node');
    }
    await clock.sleep(pruneEveryMs, signal);
  }
}
