// All clients of a run that write and read contents, side by side.
import type { Recorder } from '../../../testkit/nemesis/history.ts';
import type { SeededRandom } from '../../../testkit/seeded-random.ts';
import type { World } from '../world/world.ts';
import { named, type ClientNeeds } from './client.ts';
import { createKeyTurn, readCopies, useCounters, useKeys, useRegisters } from './keys.ts';
import { pushCommits } from './pushes.ts';

export interface Working {
  readonly world: World;
  readonly recorder: Recorder;
  readonly random: SeededRandom;
}

const registerClients = 3;
const counterClients = 2;

/** Each works until the signal; then it ends what it has begun. */
export function startClients(
  { world, recorder, random }: Working,
  signal: AbortSignal,
): readonly Promise<void>[] {
  const { owner, mirrors } = world;
  const needs = (name: string, cluster = owner): ClientNeeds => ({
    name,
    cluster,
    recorder,
    random: random.fork(name),
    signal,
  });
  const registers = createKeyTurn('r');
  const counters = createKeyTurn('n');
  return [
    ...named('register', registerClients).map((name) => useRegisters(needs(name), registers)),
    ...named('counter', counterClients).map((name) => useCounters(needs(name), counters)),
    useKeys(needs('keys')),
    pushCommits(needs('pushes')),
    ...mirrors.map((mirror) =>
      readCopies({ ...needs(`copy-${mirror.name}`, mirror), owner: owner.name }, registers),
    ),
  ];
}
