// What a run leaves behind: its counts, and where something was wrong, the history and the nodes'
// own words.
import { mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { availabilityOf, type Strike } from '../../testkit/nemesis/availability.ts';
import { createRecorder, type Operation, type Recorder } from '../../testkit/nemesis/history.ts';
import type { RunOptions, RunResult } from './run-result.ts';
import type { World } from './world/world.ts';

export interface Found {
  readonly world: World;
  readonly strikes: readonly Strike[];
  readonly violations: readonly string[];
  readonly convergedMs: number;
  readonly notes: readonly string[];
}

export interface Evidence {
  readonly recorder: Recorder;
  /** Keeps what was recorded where a violation was found, and says where. */
  result(found: Found): RunResult;
}

export function openEvidence(scenario: string, { seed, seconds, keepIn }: RunOptions): Evidence {
  const lines: string[] = [];
  const recorder = createRecorder({
    now: () => performance.now(),
    write: (event) => lines.push(JSON.stringify(event)),
  });
  return {
    recorder,
    result(found) {
      const { strikes, violations, convergedMs, notes } = found;
      const counts = countsOf(recorder.operations(), strikes);
      const folder = join(keepIn, `${scenario}-${seed}`);
      if (violations.length > 0) {
        keep(folder, found, lines);
      }
      const kept = violations.length > 0 ? [`kept in ${folder}`] : [];
      const said = { convergedMs, violations, notes: [...notes, ...kept] };
      return { fault: scenario, seed, seconds, strikes: strikes.length, ...counts, ...said };
    },
  };
}

// What is guarded by a lock is of no cluster.
const writesNothing: ReadonlySet<string> = new Set(['buffered', 'get', 'guard']);

type Counts = Pick<
  RunResult,
  'operations' | 'acknowledged' | 'refused' | 'unknown' | 'silenceP50Ms' | 'silenceMaxMs'
>;

function countsOf(operations: readonly Operation[], strikes: readonly Strike[]): Counts {
  const having = (outcome: Operation['outcome']): Operation[] =>
    operations.filter((one) => one.outcome === outcome);
  const acknowledged = having('ok');
  // Of what was written: who only reads may be answered by whoever cannot write.
  const moments = acknowledged
    .filter(({ operation }) => !writesNothing.has(operation))
    .map(({ endMs }) => endMs);
  const { p50Ms, maxMs } = availabilityOf(strikes, moments);
  return {
    operations: operations.length,
    acknowledged: acknowledged.length,
    refused: having('fail').length,
    unknown: having('unknown').length,
    silenceP50Ms: p50Ms,
    silenceMaxMs: maxMs,
  };
}

function keep(folder: string, { violations, world }: Found, lines: readonly string[]): void {
  mkdirSync(folder, { recursive: true });
  writeFileSync(join(folder, 'history.jsonl'), `${lines.join('\n')}\n`);
  writeFileSync(join(folder, 'violations.txt'), `${violations.join('\n')}\n`);
  for (const node of world.nodes) {
    writeFileSync(join(folder, `${node.name}.log`), node.log());
  }
}
