// How the command finds the program that was built, on programs of its own.
import { mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import type { Script } from 'node:vm';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, expect, test } from 'vitest';

interface Loader {
  readonly currentFile: string;
  keptFile(path: string): string;
  loadProgram(folder: string): Loaded | undefined;
}

interface Loaded {
  readonly path: string;
  readonly script: Script;
  readonly exports: { readonly answer: () => string };
}

const loaderUrl = new URL('bin/program.js', import.meta.url).href;
const { currentFile, keptFile, loadProgram } = (await import(loaderUrl)) as Loader;
const folders = mkdtempSync(join(tmpdir(), 'hansa-program-'));
afterAll(() => rmSync(folders, { recursive: true, force: true }));

function built(name: string, source: string): string {
  const folder = join(folders, name);
  mkdirSync(folder);
  writeFileSync(join(folder, 'program.cjs'), source);
  writeFileSync(join(folder, currentFile), 'program.cjs');
  return folder;
}

const source = `exports.answer = () => require('node:path').basename(__filename);`;

test('nothing is loaded where nothing is built', () => {
  expect(loadProgram(join(folders, 'absent'))).toBeUndefined();
});

test('what is built is loaded, and what was kept of it is used', () => {
  const folder = built('kept', source);
  const first = loadProgram(folder);
  expect(first?.exports.answer()).toBe('program.cjs');
  expect(first?.script.cachedDataRejected).toBeUndefined();
  writeFileSync(keptFile(first?.path ?? ''), first?.script.createCachedData() ?? '');
  const second = loadProgram(folder);
  expect(second?.script.cachedDataRejected).toBe(false);
  expect(second?.exports.answer()).toBe('program.cjs');
});

test('half of what was kept, or that of another program, does no harm', () => {
  const folder = built('half', source);
  const path = join(folder, 'program.cjs');
  const kept = readFileSync(keptFile(join(folders, 'kept', 'program.cjs')));
  writeFileSync(keptFile(path), kept);
  truncateSync(keptFile(path), Math.floor(kept.length / 2));
  const half = loadProgram(folder);
  expect(half?.script.cachedDataRejected).toBe(true);
  expect(half?.exports.answer()).toBe('program.cjs');
  writeFileSync(path, `${source}\nexports.other = 1;`);
  writeFileSync(keptFile(path), kept);
  const other = loadProgram(folder);
  expect(other?.script.cachedDataRejected).toBe(true);
  expect(other?.exports).toMatchObject({ other: 1 });
});
