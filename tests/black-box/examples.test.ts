// Every page of commands beside a capability (`X.example.md`) is executed: what stands there is
// what a fresh cluster answers.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { globSync } from 'tinyglobby';
import { expect, test } from 'vitest';
import { startCluster } from './harness/cluster.ts';

const root = join(import.meta.dirname, '..', '..');
const pages = globSync('capabilities/*/*.example.md', { cwd: root });

test.each(pages.toSorted())('%s shows what the commands answer', async (page) => {
  const cluster = await startCluster({ name: 'lubeck' });
  const blocks = readFileSync(join(root, page), 'utf8').matchAll(/```console\n([\s\S]*?)```/g);
  const steps = [...blocks].flatMap(([, block = '']) => block.split(/^\$ hansa /m).slice(1));
  expect(steps.length).toBeGreaterThan(0);
  for (const step of steps) {
    const [line = '', ...answer] = step.trimEnd().split('\n');
    const { stdout, stderr } = await cluster.hansaPlain(...line.split(' '));
    expect([line, stdout.trimEnd(), stderr]).toEqual([line, answer.join('\n'), '']);
  }
});
