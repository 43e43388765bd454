// A repository from its making to its deletion, on one cluster.
import { join } from 'node:path';
import type { Repository, ShownRepository } from '@hansa/capabilities/forge/contract';
import { beforeAll, expect, test } from 'vitest';
import { startCluster, type Cluster } from './harness/cluster.ts';
import { git, gitOk } from './harness/git.ts';
import { must } from './harness/linking.ts';
import { ownUrl, publish } from './harness/mirroring.ts';
import { temporaryFolder } from './harness/place.ts';

let lubeck: Cluster;

beforeAll(async () => {
  lubeck = await startCluster({ name: 'lubeck' });
});

async function names(): Promise<string[]> {
  const { repositories } = await must<{ repositories: Repository[] }>(lubeck, 'repo', 'list');
  return repositories.map(({ name }) => name);
}

test('a repository is made, listed, shown and deleted, and its name comes back empty', async () => {
  const work = await publish(lubeck, 'charts');
  expect(await names()).toEqual(['charts']);
  const shown = await must<ShownRepository>(lubeck, 'repo', 'show', 'charts');
  const head = await gitOk(work, 'rev-parse', 'HEAD');
  expect(shown.refs).toEqual([{ name: 'refs/heads/main', target: head }]);

  await must(lubeck, 'repo', 'delete', 'charts', '--yes');
  expect(await names()).toEqual([]);
  const gone = await lubeck.hansa('repo', 'show', 'charts');
  expect([gone.code, gone.report().code]).toEqual([3, 'RESOURCE_NOT_FOUND']);
  const clone = join(temporaryFolder('clone'), 'clone');
  expect((await git(work, 'clone', '--quiet', ownUrl(lubeck, 'charts'), clone)).code).not.toBe(0);

  await must(lubeck, 'repo', 'create', 'charts');
  const again = await must<ShownRepository>(lubeck, 'repo', 'show', 'charts');
  expect(again.refs).toEqual([]);
});
