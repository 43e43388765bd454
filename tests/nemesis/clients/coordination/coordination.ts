// All clients of a run that coordinate, side by side, and what they find before they begin.
import { limiterContract } from '@hansa/capabilities/counters/contract';
import { queueContract } from '@hansa/capabilities/queues/contract';
import { parties } from '../../../../testkit/nemesis/coordination/barriers.ts';
import { limiterRate } from '../../../../testkit/nemesis/coordination/numbers.ts';
import type { World } from '../../world/world.ts';
import { serviceOf } from '../asking.ts';
import { named, type ClientNeeds } from '../client.ts';
import type { Working } from '../clients.ts';
import { createKeyTurn } from '../keys.ts';
import { meet } from './barriers.ts';
import { elections, locks, semaphores } from './holdables.ts';
import { createGuard, useHolds } from './holds.ts';
import {
  limiterName,
  takeTokens,
  useBufferedCounter,
  useCoordinationCounters,
  useSequence,
} from './numbers.ts';
import { pushItems, queueName, queueSettings, workAtItems } from './queues.ts';
import { lookForInstances, registerInstances } from './registry.ts';

const callWithinMs = 30_000; // a first call on a machine that does much else

export async function prepareCoordination({ owner }: World): Promise<void> {
  const [first] = owner.nodes;
  const limiter = { name: limiterName, ...limiterRate };
  await serviceOf(first, limiterContract, callWithinMs).configure(limiter);
  const queue = { queue: queueName, settings: queueSettings };
  await serviceOf(first, queueContract, callWithinMs).create(queue);
}

export function startCoordination(
  { world, recorder, random }: Working,
  signal: AbortSignal,
): readonly Promise<void>[] {
  const several = (kind: string, count: number): readonly ClientNeeds[] =>
    named(kind, count).map((name) => ({
      name,
      cluster: world.owner,
      recorder,
      random: random.fork(name),
      signal,
    }));
  const guard = createGuard();
  const counters = createKeyTurn('c');
  return [
    ...several('lock', 4).map((needs) => useHolds(needs, locks, guard)),
    ...several('semaphore', 3).map((needs) => useHolds(needs, semaphores, guard)),
    ...several('candidate', 2).map((needs) => useHolds(needs, elections, guard)),
    ...several('count', 2).map((needs) => useCoordinationCounters(needs, counters)),
    ...several('buffer', 1).map(useBufferedCounter),
    ...several('sequence', 2).map(useSequence),
    ...several('taker', 2).map(takeTokens),
    ...several('party', parties).map(meet),
    ...several('producer', 2).map(pushItems),
    ...several('consumer', 3).map(workAtItems),
    ...several('instance', 2).map(registerInstances),
    ...several('looker', 1).map(lookForInstances),
  ];
}
