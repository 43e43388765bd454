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
const inner = 'only shapes work of our own: no input crosses it';

/** Bounds that nobody names in a test, and why that is bearable. A name that is tried goes away. */
const untried: Readonly<Record<string, string>> = {
  ...reason(costly, ['dedupIdsMax', 'keysMax', 'possessionsKeptMax', 'receiptsKeptMax']),
  ...reason(shown, ['conflictsListedMax', 'diffChangesMax', 'missingObjectsMax', 'refsShownMax']),
  ...reason(inner, [
    'conflictsPerLaneMax',
    'differenceBytesMax',
    'differencesMax',
    'feedBytesMax',
    'opsPerTransactionMax',
    'proxyTargetsMax',
    'sourcesAskedMax',
    'streamQueueBytesMax',
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
