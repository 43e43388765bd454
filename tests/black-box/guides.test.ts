// Every guide is executed: a cluster of one person, or two where it speaks of the other, linked
// unless it links them, and each command of its console blocks, in order.
import { globSync } from 'tinyglobby';
import { readFileSync } from 'node:fs';
import { basename, join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { startEtcd } from '../../testkit/etcd-server.ts';
import { requires } from '../../testkit/needs.ts';
import { startCluster } from './harness/cluster.ts';
import { linkClusters } from './harness/linking.ts';
import { checkout, cleanEnvironment, temporaryFolder } from './harness/place.ts';
import { commandsIn, isAsShown, runQuickly } from './rooms/console-blocks.ts';

const unlinked: readonly string[] = ['link-two-clusters.md'];
const guides = globSync('docs/guides/*.md', { cwd: checkout })
  .filter((path) => basename(path) !== 'README.md')
  .toSorted();

const onEtcd = 'several-nodes.md';
const usualEtcd = '127.0.0.1:2379';

test('there are guides', () => {
  expect(guides.length).toBeGreaterThan(6);
});

describe.skipIf(!requires('git').available)('the guide', () => {
  test.each(guides)('%s does what it shows', async (path) => {
    const home = temporaryFolder('person');
    const env = cleanEnvironment(home);
    const names = readFileSync(join(checkout, path), 'utf8').includes('bergen')
      ? ['lubeck', 'bergen']
      : ['lubeck'];
    const clusters = await Promise.all(names.map((name) => startCluster({ name, env })));
    const [lubeck, bergen] = clusters;
    if (lubeck !== undefined && bergen !== undefined && !unlinked.includes(basename(path))) {
      await linkClusters(lubeck, bergen);
    }
    const etcd = basename(path) === onEtcd ? await startEtcd() : undefined;
    for (const each of commandsIn(join(checkout, path))) {
      const [endpoint = usualEtcd] = etcd?.endpoints ?? [];
      const shown = { ...each, command: each.command.replaceAll(usualEtcd, endpoint) };
      const done = await runQuickly(shown, { cwd: home, env });
      const asShown = done.code === 0 && isAsShown(done.stdout, shown.output);
      const said = `line ${shown.line}: ${shown.command}\n${done.stdout}${done.stderr}`;
      expect(asShown ? '' : said).toBe('');
    }
    await Promise.all([...clusters.map((each) => each.stop()), etcd?.end()]);
  });
});
