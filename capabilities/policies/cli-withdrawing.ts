// What a removed rule does to copies that peers hold: which freeze, and which go now.
import { remote, type CommandContext, type CommandView } from '@hansa/foundation';
import { receiptsContract, type CopyName, type Holding } from '../receipts/contract.ts';
import { isFederated, type Plan } from './contract.ts';

/** Copies that peers may not pull any more; what we mirror for others is not ours to withdraw. */
function copiesOf({ rows }: Plan): readonly CopyName[] {
  return rows
    .filter(({ change, verbs }) => change === 'loses' && verbs.includes('pull'))
    .flatMap(({ peer, resource }) => (isFederated(resource) ? [] : [{ peer, resource }]));
}

/** Those of them that there are. */
export async function mirrorsOf(
  { carrier, signal }: CommandContext,
  plan: Plan,
): Promise<readonly Holding[]> {
  const copies = copiesOf(plan);
  if (copies.length === 0) {
    return [];
  }
  const { holdings } = await remote(receiptsContract, carrier).holders({ copies }, { signal });
  return holdings.filter(({ state }) => state === 'holds');
}

/** Does not wait a day. */
export async function hurryMirrors(
  { carrier, signal }: CommandContext,
  mirrors: readonly Holding[],
): Promise<void> {
  const copies = mirrors.map(({ peer, id }) => ({ peer, resource: id }));
  if (copies.length > 0) {
    await remote(receiptsContract, carrier).hurry({ copies }, { signal });
  }
}

export function mirrorsView(mirrors: readonly Holding[], now: boolean): readonly CommandView[] {
  if (mirrors.length === 0) {
    return [];
  }
  const text = now
    ? 'These mirrors are asked to delete their copies now:'
    : 'These mirrors freeze, and are asked to delete their copies after 24 hours:';
  const rows = mirrors.map(({ peerName, id, epoch, sequence }) => [
    peerName,
    id,
    epoch === undefined || sequence === undefined ? '-' : `${epoch}/${sequence}`,
  ]);
  const columns = ['PEER', 'RESOURCE', 'COPY AT'];
  return [
    { kind: 'text', text },
    { kind: 'table', columns, rows, empty: '' },
  ];
}
