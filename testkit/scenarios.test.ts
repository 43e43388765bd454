import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { globSync } from 'tinyglobby';
import { expect, test } from 'vitest';
import { scenarios } from './scenarios.ts';

const root = fileURLToPath(new URL('..', import.meta.url));

test('every scenario has a name of its own, a test that plays it, and a row in docs/simulation.md', () => {
  const names = scenarios.map(({ name }) => name);
  expect(new Set(names).size).toBe(names.length);
  const files = globSync('{capabilities,testkit}/**/*.sim.test.ts', { cwd: root });
  const played = files.flatMap((file) => [
    ...readFileSync(`${root}/${file}`, 'utf8').matchAll(/playSeeds\('([a-z-]+)'/g),
  ]);
  expect(played.map(([, name]) => name).toSorted()).toEqual(names.toSorted());
  const page = readFileSync(`${root}/docs/simulation.md`, 'utf8');
  const rows = [...page.matchAll(/^\| `([a-z-]+)` \|/gm)].map(([, name]) => name);
  expect(rows.toSorted()).toEqual(names.toSorted());
});
