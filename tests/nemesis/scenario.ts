// What can be run, by name: faults that strike while clients work, and what needs its own course.
import type { NeedName } from '../../testkit/needs.ts';
import { faults } from './faults/faults.ts';
import { flipBits } from './flipping.ts';
import type { RunOptions, RunResult } from './run-result.ts';
import { strikeFor } from './striking.ts';

export interface Scenario {
  readonly name: string;
  /** One sentence for the report. */
  readonly about: string;
  readonly needs: readonly NeedName[];
  play(options: RunOptions): Promise<RunResult>;
}

export const scenarios: readonly Scenario[] = [
  ...faults.map((fault): Scenario => {
    const { name, about, needs } = fault;
    return { name, about, needs, play: (options) => strikeFor(fault, options) };
  }),
  {
    name: 'bit-flip',
    about: 'one bit turned over in one file of a node that is down, in each class of files',
    needs: ['git'],
    play: flipBits,
  },
];
