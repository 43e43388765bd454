// What can be run, by name: faults that strike while clients work, and what needs its own course.
import type { NeedName } from '../../testkit/needs.ts';
import { coordinated, faults } from './faults/faults.ts';
import type { Fault } from './faults/fault.ts';
import type { Moment } from './faults/bit-flips.ts';
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
  flipping('bit-flip', 'down', 'one bit turned over in one file of a node that is down'),
  flipping('bit-flip-running', 'running', 'one bit turned over in one file of a node that runs'),
];

function striking(fault: Fault, workload: Workload): Scenario {
  const name = `${workload.prefix}${fault.name}`;
  const about = `${fault.about}${workload.about}`;
  const course = { name, fault, workload };
  return { name, about, needs: fault.needs, play: (options) => strikeFor(course, options) };
}

function flipping(name: string, moment: Moment, about: string): Scenario {
  return {
    name,
    about: `${about}, in each class of files`,
    needs: ['git'],
    play: (options) => flipBits({ name, moment }, options),
  };
}
