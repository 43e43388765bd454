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
import {
  commandsIn,
  isAsShown,
  runQuickly,
  startShown,
  type ShownCommand,
  type Stage,
} from './rooms/console-blocks.ts';
import { freePortBase } from './rooms/free-ports.ts';

const unlinked: readonly string[] = ['link-two-clusters.md'];
const guides = globSync('docs/guides/*.md', { cwd: checkout })
  .filter((path) => basename(path) !== 'README.md')
  .toSorted();

const onEtcd = 'several-nodes.md';
const withRouters = 'signal-routers.md';
const usualEtcd = '127.0.0.1:2379';

/** Ports that the guide names, each with one that is free. */
async function portsInstead(): Promise<readonly (readonly [string, string])[]> {
  const [three, one] = [await freePortBase(), await freePortBase()];
  const free = [three, three + 1, three + 2, one];
  return free.map((port, at) => [String(7_330 + at), String(port)]);
}

/** Nothing where it did what is shown. */
async function problemOf(shown: ShownCommand, stage: Stage): Promise<string> {
  const { command, output, line } = shown;
  if (command.endsWith(' &')) {
    const said = await startShown(shown, stage);
    return isAsShown(said, output) ? '' : `line ${line}: ${command}\n${said}`;
  }
  const { code, stdout, stderr } = await runQuickly(shown, stage);
  const asShown = code === 0 && isAsShown(stdout, output);
  return asShown ? '' : `line ${line}: ${command}\n${stdout}${stderr}`;
}

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
    const [endpoint = usualEtcd] = etcd?.endpoints ?? [];
    const ports = basename(path) === withRouters ? await portsInstead() : [];
    const here = (text: string): string =>
      [[usualEtcd, endpoint] as const, ...ports].reduce(
        (sofar, [usual, free]) => sofar.replaceAll(usual, free),
        text,
      );
    for (const { command, output, line } of commandsIn(join(checkout, path))) {
      const shown = { line, command: here(command), output: here(output) };
      const said = await problemOf(shown, { cwd: home, env });
      expect(said).toBe('');
    }
    await Promise.all([...clusters.map((each) => each.stop()), etcd?.end()]);
  });
});
