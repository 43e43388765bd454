// Labels that we write on links, for rules to speak of.
import { HansaError, type ClusterId } from '@hansa/foundation';
import { labelsMax } from '../resources/contract.ts';
import type { Labelling, Link, Links } from './contract.ts';
import type { LinksParts } from './parts.ts';

export function labelling(
  { records, roster, forecast, log }: LinksParts,
  view: (peer: ClusterId) => Link,
): Pick<Links, 'label' | 'planLabels'> {
  return {
    async label(input) {
      const { cluster } = roster.peers.resolve(input.peer);
      await records.update(cluster, (link) => ({
        ...link,
        labels: labelsAfter(link.labels, input),
      }));
      log.event('link.labelled', { peer: cluster });
      return view(cluster);
    },
    async planLabels(input) {
      const { cluster } = roster.peers.resolve(input.peer);
      return forecast({ cluster, labels: labelsAfter(view(cluster).labels, input) });
    },
  };
}

/** INPUT_INVALID where there would be more than a link carries. */
function labelsAfter(
  before: Readonly<Record<string, string>> = {},
  { set = {}, wipe = [] }: Labelling,
): Readonly<Record<string, string>> {
  const kept = Object.entries({ ...before, ...set }).filter(
    ([label]) => Object.hasOwn(set, label) || !wipe.includes(label),
  );
  if (kept.length > labelsMax) {
    throw new HansaError('INPUT_INVALID', `a link carries at most ${labelsMax} labels`);
  }
  return Object.fromEntries(kept);
}
