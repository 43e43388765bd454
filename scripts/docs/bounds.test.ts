// Every bound that other rooms may read is crossed by a test: the walk over the schemas crosses
// what stands in one, a test of its own names the others. What neither has stands below, with the
// reason.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { globSync } from 'tinyglobby';
import { expect, test } from 'vitest';
import { boundsIn } from './bounds.ts';

const root = fileURLToPath(new URL('../..', import.meta.url));

const costly = 'costs minutes or gigabytes to reach; the code path is one comparison';
const shown = 'cuts what a person is shown, and says that there is more: nothing is refused';
const pages = 'ends a page; what is over comes with the next one';
const local = 'only people of this cluster reach it, through their own token';
const inner = 'only shapes work of our own: no input crosses it';
const byNumber =
  'crossed by a suite of its room, which writes the number or hands a smaller one in';
const code = 'a refinement of a schema; its room’s tests cross it by hand';

/** Bounds that nobody names in a test, and why that is bearable. A name that is tried goes away. */
const untried: Readonly<Record<string, string>> = {
  ...reason(costly, [
    'blobBytesMax',
    'blobUploadBytesMax',
    'keyBookClustersMax',
    'keysMax',
    'lanesMax',
    'dedupIdsMax',
    'documentsMax',
    'spacesMax',
    'issuedMax',
    'mirrorsMax',
    'packBytesMax',
    'possessionsKeptMax',
    'receiptsKeptMax',
    'shallowRootsMax',
  ]),
  ...reason(shown, [
    'conflictsListedMax',
    'diffChangesMax',
    'hintsMax',
    'missingObjectsMax',
    'planRowsMax',
    'refsShownMax',
  ]),
  ...reason(pages, ['contentsBytesMax', 'entriesBytesMax', 'workPageBytesMax']),
  ...reason(local, ['consumersMax', 'kindsMax', 'workQueueMax', 'pushChangesMax']),
  ...reason(inner, [
    'answerBytesMax',
    'attemptsMax',
    'conflictsPerLaneMax',
    'differenceBytesMax',
    'differencesMax',
    'feedBytesMax',
    'lineBytesMax',
    'opsPerTransactionMax',
    'proxyTargetsMax',
    'sourcesAskedMax',
    'socketPathBytesMax',
    'streamQueueBytesMax',
  ]),
  ...reason(byNumber, [
    'batchBytesMax',
    'bucketsMax',
    'claimsMax',
    'changeBytesMax',
    'idempotencyKeyBytesMax',
    'prefixDeleteBytesMax',
    'prefixDeleteKeysMax',
    'streamsMax',
    'wireNameLengthMax',
  ]),
  ...reason(code, [
    'appBodyBytesMax',
    'headersBytesMax',
    'headersMax',
    'jsonDepthMax',
    'labelsMax',
    'originsMax',
    'probeBytesMax',
    'residencyLabelsMax',
    'schemaBytesMax',
    'tokenDepthMax',
    'vectorBytesMax',
  ]),
};

function reason(why: string, names: readonly string[]): Record<string, string> {
  return Object.fromEntries(names.map((name) => [name, why]));
}

function textOf(patterns: readonly string[], ignore: readonly string[]): string {
  const files = globSync([...patterns], {
    cwd: root,
    ignore: ['**/node_modules/**', '**/dist/**', ...ignore],
  });
  return files.map((file) => readFileSync(join(root, file), 'utf8')).join('\n');
}

const tests = textOf(['**/*.{test,suite}.ts'], ['scripts/docs/bounds.test.ts']);
const schemas = textOf(['capabilities/*/*.ts'], ['**/*.{test,suite}.ts']);
const maxima = boundsIn(root).filter(({ exported, name }) => exported && name.endsWith('Max'));
const isTried = (name: string): boolean =>
  new RegExp(`\\b${name}\\b`).test(tests) ||
  new RegExp(`\\.(?:max|length)\\(\\s*${name}\\b`).test(schemas);

test('every bound is in a schema that is walked, in a test, or excused', () => {
  const open = maxima.filter(({ name }) => !isTried(name) && untried[name] === undefined);
  expect(open.map(({ file, name }) => `${file}: no test crosses ${name}`)).toEqual([]);
});

test('nothing is excused that is tried, or is no bound any more', () => {
  const names = new Set(maxima.map(({ name }) => name));
  const idle = Object.keys(untried).filter((name) => isTried(name) || !names.has(name));
  expect(idle).toEqual([]);
});
