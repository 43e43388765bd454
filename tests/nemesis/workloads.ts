// What clients do while a nemesis strikes, and how it is judged: they write and read contents,
// which others mirror, or they coordinate.
import type { Recorder } from '../../testkit/nemesis/history.ts';
import { startClients, type Working } from './clients/clients.ts';
import { prepareCoordination, startCoordination } from './clients/coordination/coordination.ts';
import { verifyCoordination } from './verify-coordination.ts';
import { verify, type Verified } from './verify.ts';
import type { WorldShape } from './world/building.ts';
import type { World } from './world/world.ts';

export interface Workload {
  /** Of the names of scenarios. */
  readonly prefix: '' | 'coordination-';
  /** After the sentence about the fault. */
  readonly about: string;
  /** What it needs of the world, or does without. */
  readonly shape: WorldShape;
  prepare(world: World): Promise<void>;
  /** Each client works until the signal; then it ends what it has begun. */
  start(working: Working, signal: AbortSignal): readonly Promise<void>[];
  /** When everything is whole again. */
  verify(world: World, recorder: Recorder): Promise<Verified>;
}

export const contents: Workload = {
  prefix: '',
  about: '',
  shape: {},
  prepare: () => Promise.resolve(),
  start: startClients,
  verify,
};

export const coordination: Workload = {
  prefix: 'coordination-',
  about: '; clients lock, elect, count, limit, queue, meet and register meanwhile',
  shape: { mirrors: 0 },
  prepare: prepareCoordination,
  start: startCoordination,
  verify: verifyCoordination,
};
