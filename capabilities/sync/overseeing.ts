// Those who decide from outside what may be followed, asked as one: what they keep still stands
// still, and what they avoid is not asked.
import type { ClusterId, FederatedId } from '@hansa/foundation';
import type { MirrorOverseer, MirrorPause } from './contract.ts';
import type { MirroringNeeds } from './mirror-progress.ts';

export interface Overseers {
  add(overseer: MirrorOverseer): void;
  readonly asked: Required<Pick<MirroringNeeds, 'pauseOf' | 'avoids' | 'accuse'>>;
}

export function createOverseers(): Overseers {
  const overseers: MirrorOverseer[] = [];
  return {
    add: (overseer) => void overseers.push(overseer),
    asked: {
      pauseOf: (resource) => firstPause(overseers, resource),
      avoids: (peer: ClusterId) => overseers.some((each) => each.avoid?.(peer) === true),
      accuse: (blame) => overseers.forEach((each) => each.blamed?.(blame)),
    },
  };
}

/** What its owner has withdrawn is shown as that, whatever else is wrong. */
function firstPause(
  overseers: readonly MirrorOverseer[],
  resource: FederatedId,
): MirrorPause | undefined {
  const pauses = overseers.flatMap((each) => each.pause?.(resource) ?? []);
  return pauses.find(({ state }) => state === 'frozen') ?? pauses[0];
}
