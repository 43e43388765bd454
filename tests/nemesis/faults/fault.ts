// What a nemesis does: it makes something wrong, and makes it good again.
import type { NeedName } from '../../../testkit/needs.ts';
import type { SeededRandom } from '../../../testkit/seeded-random.ts';
import type { WorldShape } from '../world/building.ts';
import type { World } from '../world/world.ts';

export interface Arena {
  readonly world: World;
  readonly random: SeededRandom;
}

export interface Wrong {
  /** What was done to whom, for the history. */
  readonly what: string;
  heal(): Promise<void>;
}

export interface Fault {
  readonly name: string;
  /** One sentence for the report. */
  readonly about: string;
  readonly needs: readonly NeedName[];
  readonly shape: WorldShape;
  /** How long it stays wrong, at least and at most. */
  readonly holdMs: readonly [number, number];
  strike(arena: Arena): Promise<Wrong>;
}
