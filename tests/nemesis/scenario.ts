// What can be run, by name: faults that strike while clients work, and what needs its own course.
import type { NeedName } from '../../testkit/needs.ts';
import { coordinated, faults } from './faults/faults.ts';
import type { Fault } from './faults/fault.ts';
import { flipBits } from './flipping.ts';
import type { RunOptions, RunResult } from './run-result.ts';
import { strikeFor } from './striking.ts';
import { contents, coordination, type Workload } from './workloads.ts';

export interface Scenario {
  readonly name: string;
  /** One sentence for the report. */
  readonly about: string;
  readonly needs: readonly NeedName[];
  play(options: RunOptions): Promise<RunResult>;
}

export const scenarios: readonly Scenario[] = [
  ...faults.map((fault) => striking(fault, contents)),
  ...coordinated.map((fault) => striking(fault, coordination)),
  {
    name: 'bit-flip',
    about: 'one bit turned over in one file of a node that is down, in each class of files',
    needs: ['git'],
    play: flipBits,
  },
];

function striking(fault: Fault, workload: Workload): Scenario {
  const name = `${workload.prefix}${fault.name}`;
  const about = `${fault.about}${workload.about}`;
  const course = { name, fault, workload };
  return { name, about, needs: fault.needs, play: (options) => strikeFor(course, options) };
}
