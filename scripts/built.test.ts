// When a build has nothing to do, on a program of its own.
import { mkdtempSync, rmSync, truncateSync, utimesSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, test } from 'vitest';

interface Built {
  readonly inputsFile: string;
  inputsOf(files: readonly string[], root: string): string;
  isBuilt(folder: string, root: string): boolean;
}

const { inputsFile, inputsOf, isBuilt } = (await import(
  new URL('built.mjs', import.meta.url).href
)) as Built;
const kept = `program.cjs.${process.version}-${process.arch}`;
let root: string;

beforeEach(() => {
  root = mkdtempSync(join(tmpdir(), 'hansa-built-'));
  for (const [name, text] of [
    ['a.js', 'one'],
    ['b.js', 'two'],
    ['program.cjs', 'both'],
    [kept, 'compiled'],
    ['current', 'program.cjs'],
  ] as const) {
    writeFileSync(join(root, name), text);
  }
  writeFileSync(join(root, inputsFile), inputsOf(['a.js', 'b.js'], root));
});

afterEach(() => rmSync(root, { recursive: true, force: true }));

test('what is made from the files that are there is built', () => {
  expect(isBuilt(root, root)).toBe(true);
});

test.each([
  ['another time', () => utimesSync(join(root, 'a.js'), 1, 1)],
  ['another size', () => writeFileSync(join(root, 'b.js'), 'three')],
  ['gone', () => rmSync(join(root, 'a.js'))],
])('a file that is another (%s) is built from anew', (_how, change) => {
  change();
  expect(isBuilt(root, root)).toBe(false);
});

test.each([inputsFile, 'current', 'program.cjs', kept])(
  'without %s there is none that counts',
  (name) => {
    rmSync(join(root, name));
    expect(isBuilt(root, root)).toBe(false);
  },
);

test('half a list of what it was made from is none', () => {
  truncateSync(join(root, inputsFile), 10);
  expect(isBuilt(root, root)).toBe(false);
});
