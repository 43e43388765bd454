// Following audits: our own and mirrored ones, each record once, in the order of its chain.
import { changedKeys, splitFederatedId, type ClusterId } from '@hansa/foundation';
import type { Mirrors } from '../sync/contract.ts';
import { auditId, type AuditFilter, type AuditRow } from './contract.ts';
import { chosenChains, oneChain, type ChoosingNeeds } from './choosing.ts';
import { fits, rowOf } from './listing.ts';
import { isAudit, type AuditChain } from './chain.ts';

export interface FollowingNeeds extends ChoosingNeeds {
  readonly mirrors: Pick<Mirrors, 'all' | 'find' | 'view' | 'subscribe'>;
}

export async function* watchRecords(
  needs: FollowingNeeds,
  filter: AuditFilter,
  signal: AbortSignal | undefined,
): AsyncIterable<AuditRow> {
  const changed = changedKeys<ClusterId>((tell) => subscribe(needs, tell), signal);
  const only =
    filter.cluster === undefined ? undefined : (await oneChain(needs, filter.cluster)).cluster;
  const told = new Map<ClusterId, number>();
  try {
    for (const chain of await chosenChains(needs, filter.cluster)) {
      told.set(chain.cluster, (await chain.tail())?.sequence ?? 0);
    }
    for await (const cluster of changed) {
      if (only === undefined || only === cluster) {
        yield* news(needs, { cluster, told, filter });
      }
    }
  } finally {
    await changed.return?.();
  }
}

function subscribe(
  { resources, mirrors, signer }: FollowingNeeds,
  tell: (cluster: ClusterId) => void,
): () => void {
  const stops = [
    resources.subscribe((id) => (id === auditId ? tell(signer.cluster) : undefined)),
    mirrors.subscribe((resource) => {
      if (isAudit(resource)) {
        tell(splitFederatedId(resource).owner);
      }
    }),
  ];
  return () => stops.forEach((stop) => stop());
}

async function* news(
  needs: FollowingNeeds,
  given: {
    readonly cluster: ClusterId;
    readonly told: Map<ClusterId, number>;
    readonly filter: AuditFilter;
  },
): AsyncIterable<AuditRow> {
  const { cluster, told, filter } = given;
  const chain: AuditChain | undefined = await oneChain(needs, cluster).catch(() => undefined);
  const tail = await chain?.tail();
  if (chain === undefined || tail === undefined) {
    return; // a mirror that is gone, or of which nothing has arrived
  }
  // An audit that is seen for the first time is told from here on, as all the others are.
  let at = told.get(cluster) ?? tail.sequence;
  while (at < tail.sequence) {
    at += 1;
    told.set(cluster, at);
    const record = await chain.record(at);
    if (record !== undefined && fits(record, filter)) {
      yield rowOf(chain, record);
    }
  }
  told.set(cluster, tail.sequence);
}
