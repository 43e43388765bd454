import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { describe, expect, it } from 'vitest';
import type { RunResult } from '../tests/nemesis/run-result.ts';
import { reliabilityPage, runLine, type SavedRun } from './nemesis/report.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

const result: RunResult = {
  fault: 'kill',
  seed: 7,
  seconds: 30,
  strikes: 9,
  operations: 5_000,
  acknowledged: 4_000,
  refused: 990,
  unknown: 10,
  silenceP50Ms: 700,
  silenceMaxMs: 1_200,
  convergedMs: 900,
  violations: [],
  notes: [],
};
const about = 'kill -9 of one node, and a start on what it left';
const saved = (more: Partial<RunResult>): SavedRun => ({
  about,
  result: { ...result, ...more },
  version: '0.1.0',
  commit: 'abc1234',
  facts: ['Node 20'],
  day: '2026-11-21',
});

describe('npm run nemesis', () => {
  it('tells a run in a line, and each violation in one of its own', () => {
    expect(runLine(result)).toContain('kill 7: ok; 9 strikes');
    const lines = runLine({ ...result, violations: ['a is lost', 'b is back'] }).split('\n');
    expect(lines[0]).toContain('2 VIOLATIONS');
    expect(lines.slice(1)).toEqual(['  a is lost', '  b is back']);
  });

  it('sums up the runs of a fault in one row, and names the seed of what was found', () => {
    const page = reliabilityPage([
      saved({}),
      saved({ seed: 8, silenceMaxMs: 3_000, violations: ['a is lost'] }),
    ]);
    expect(page).toContain('| kill | 2 | 18 | 10000 | 8000 | 20 | 700 | 3000 | 900 | 1 |');
    expect(page).toContain('* **kill** 8 (abc1234): a is lost');
    expect(page).toContain('2 runs, 1 with violations');
  });

  it('has written the page as it is, and nobody else', () => {
    const runs = join(root, 'tests', 'nemesis', 'runs.json');
    const page = join(root, 'docs', 'reliability.md');
    expect(existsSync(page)).toBe(existsSync(runs));
    if (existsSync(runs)) {
      const all = JSON.parse(readFileSync(runs, 'utf8')) as SavedRun[];
      expect(readFileSync(page, 'utf8')).toBe(reliabilityPage(all));
    }
  });
});
