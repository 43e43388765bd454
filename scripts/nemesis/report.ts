// How runs of the nemesis are told: a line each for who watches, and a page for people, made of
// every run that was saved. Nothing of it is written by hand.
import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { RunResult } from '../../tests/nemesis/run-result.ts';
import type { Scenario } from '../../tests/nemesis/scenario.ts';
import { machineFacts } from '../bench/report.ts';

export interface SavedRun {
  readonly about: string;
  readonly result: RunResult;
  /** Of the program that ran. */
  readonly version: string;
  readonly commit: string;
  /** Of the machine and its software. */
  readonly facts: readonly string[];
  /** UTC, such as `2026-11-21`. */
  readonly day: string;
}

export function runLine(result: RunResult): string {
  const { fault, seed, strikes, operations, acknowledged, unknown, violations, notes } = result;
  const verdict = violations.length === 0 ? 'ok' : `${violations.length} VIOLATIONS`;
  const head = [
    `${fault} ${seed}: ${verdict}`,
    `${strikes} strikes, ${operations} operations`,
    `${acknowledged} acknowledged, ${unknown} unknown`,
    `no write for ${result.silenceP50Ms} ms (p50), ${result.silenceMaxMs} ms (max)`,
    `equal after ${result.convergedMs} ms`,
  ];
  return [head.join('; '), ...notes, ...violations.map((one) => `  ${one}`)].join('\n');
}

/** Into `tests/nemesis/runs.json`, and the page that is made of it. */
export function saveRuns(
  root: string,
  { scenario, result }: { readonly scenario: Scenario; readonly result: RunResult },
): void {
  const file = join(root, 'tests', 'nemesis', 'runs.json');
  const before: readonly SavedRun[] = existsSync(file)
    ? (JSON.parse(readFileSync(file, 'utf8')) as SavedRun[])
    : [];
  const isSame = (one: SavedRun): boolean =>
    one.result.fault === result.fault && one.result.seed === result.seed;
  const saved: SavedRun = {
    about: scenario.about,
    result: { ...result, notes: result.notes.filter((note) => !note.startsWith('kept in ')) },
    version: versionOf(root),
    commit: commitOf(root),
    facts: machineFacts(),
    day: new Date().toISOString().slice(0, 10),
  };
  const all = [...before.filter((one) => !isSame(one)), saved];
  writeFileSync(file, `${JSON.stringify(all, null, 2)}\n`);
  writeFileSync(join(root, 'docs', 'reliability.md'), reliabilityPage(all));
}

function versionOf(root: string): string {
  const text = readFileSync(join(root, 'package.json'), 'utf8');
  return (JSON.parse(text) as { version: string }).version;
}

function commitOf(root: string): string {
  const words = ['rev-parse', '--short', 'HEAD'];
  return spawnSync('git', words, { cwd: root, encoding: 'utf8' }).stdout.trim();
}

export function reliabilityPage(runs: readonly SavedRun[]): string {
  const names = [...new Set(runs.map(({ result }) => result.fault))];
  const facts = new Set(runs.flatMap((one) => one.facts));
  const violated = runs.filter(({ result }) => result.violations.length > 0);
  const total = `${runs.length} runs, ${violated.length} with violations.`;
  return [
    '# Reliability',
    '',
    'Written by `npm run nemesis -- --save`: real processes, several clients at a time, and one',
    'fault again and again. What clients heard is held against what is there in the end: histories',
    'of keys are linearizable, nothing acknowledged is lost, nothing deleted is back, copies have',
    'the digest and content of what they are copies of, never went back, or showed what nobody',
    'wrote; and no cluster finds anything damaged in what it has stored. Of clients that',
    'coordinate, never two hold one thing, tokens only rise, no count is lost or made twice, no',
    'number given twice, nothing in a queue lost, or with two at once.',
    '',
    ...[...facts].map((fact) => `* ${fact}`),
    '',
    `${total} Silence: how long no write was acknowledged after a strike, median and longest.`,
    '',
    tableHead(sumColumns),
    ...names.map((name) => rowOf(runs.filter(({ result }) => result.fault === name))),
    '',
    ...names.map((name) => `* **${name}**: ${aboutOf(runs, name)}.`),
    '',
    '## Violations',
    '',
    ...(violated.length === 0 ? ['None.'] : violated.map(violationOf)),
    '',
    '## Runs',
    '',
    tableHead(runColumns),
    ...runs.map(lineOf),
    '',
  ].join('\n');
}

const sumColumns = [
  'fault',
  'runs',
  'strikes',
  'operations',
  'acknowledged',
  'unknown',
  'silence p50 ms',
  'silence max ms',
  'equal after ms, max',
  'violations',
];
const runColumns = [
  'fault',
  'seed',
  's',
  'strikes',
  'operations',
  'silence max ms',
  'violations',
  'version',
  'commit',
  'day',
];

function tableHead(columns: readonly string[]): string {
  const rules = columns.map((_, at) => (at === 0 ? '---' : '---:'));
  return `| ${columns.join(' | ')} |\n|${rules.join('|')}|`;
}

function rowOf(runs: readonly SavedRun[]): string {
  const results = runs.map(({ result }) => result);
  const sum = (of: (result: RunResult) => number): number =>
    results.reduce((total, one) => total + of(one), 0);
  const most = (of: (result: RunResult) => number): number => Math.max(...results.map(of));
  const medians = results.map((one) => one.silenceP50Ms).toSorted((a, b) => a - b);
  const cells = [
    results[0]?.fault ?? '',
    results.length,
    sum((one) => one.strikes),
    sum((one) => one.operations),
    sum((one) => one.acknowledged),
    sum((one) => one.unknown),
    medians[Math.floor((medians.length - 1) / 2)] ?? 0,
    most((one) => one.silenceMaxMs),
    most((one) => one.convergedMs),
    sum((one) => one.violations.length),
  ];
  return `| ${cells.join(' | ')} |`;
}

function aboutOf(runs: readonly SavedRun[], name: string): string {
  const own = runs.filter(({ result }) => result.fault === name);
  const notes = new Set(own.flatMap(({ result }) => result.notes));
  return [own.at(-1)?.about ?? '', ...notes].join('; ');
}

const sentencesShown = 3; // of one run: the first tell what kind of thing it is

function violationOf({ result: { fault, seed, violations }, commit }: SavedRun): string {
  const shown = violations.slice(0, sentencesShown).map((one) => one.replaceAll('\n', ' '));
  return `* **${fault}** ${seed} (${commit}): ${shown.join('; ')}`;
}

function lineOf({ result, version, commit, day }: SavedRun): string {
  const { fault, seed, seconds, strikes, operations, silenceMaxMs, violations } = result;
  const cells = [fault, seed, seconds, strikes, operations, silenceMaxMs, violations.length];
  return `| ${[...cells, version, commit, day].join(' | ')} |`;
}
