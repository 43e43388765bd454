// What documents show a person typing is typed here, on clusters as `npm start` leaves them: in the
// README, and in the example of every capability that has one.
import { globSync } from 'tinyglobby';
import { join } from 'node:path';
import { describe, expect, test } from 'vitest';
import { requires } from '../../testkit/needs.ts';
import { startCluster, type Cluster } from './harness/cluster.ts';
import { linkClusters, must } from './harness/linking.ts';
import { publish } from './harness/mirroring.ts';
import { checkout, cleanEnvironment, temporaryFolder } from './harness/place.ts';
import { commandsIn, isAsShown, runShown, type Stage } from './rooms/console-blocks.ts';

const gitIsHere = requires('git').available;

test('a wildcard stands for what differs from run to run, and for nothing else', () => {
  expect(isAsShown('up: http://127.0.0.1:4870\n', 'up: <url>')).toBe(true);
  expect(isAsShown('up: a\ndown: b\n', 'up: <url>')).toBe(false);
  expect(isAsShown('first\nsecond\nthird', 'first\n…third')).toBe(true);
  expect(isAsShown('a.b', 'a.b')).toBe(true);
  expect(isAsShown('axb', 'a.b')).toBe(false);
  expect(isAsShown('anything', '')).toBe(true);
});

describe.skipIf(!gitIsHere)('the console blocks of', () => {
  test('the README do what they show, where the demonstration runs', async () => {
    const stage = await demonstrated();
    const commands = commandsIn(join(checkout, 'README.md'));
    expect(commands.length).toBeGreaterThan(3);
    await runAll(stage, commands);
  });

  const examples = globSync('capabilities/*/*.example.md', { cwd: checkout }).toSorted();
  test.each(examples)('%s do what they show, on a fresh cluster', async (example) => {
    const { home, env } = sharedHome();
    await startCluster({ name: 'lubeck', env });
    await runAll({ cwd: home, env }, commandsIn(join(checkout, example)));
  });
});

async function runAll(stage: Stage, commands: ReturnType<typeof commandsIn>): Promise<void> {
  for (const shown of commands) {
    const done = await runShown(shown, stage);
    const asShown = done.code === 0 && isAsShown(done.stdout, shown.output);
    const said = `line ${shown.line}: ${shown.command}\n${done.stdout}${done.stderr}`;
    expect(asShown ? '' : said).toBe('');
  }
}

/** One HANSA_HOME, so that every cluster is a context of the same person. */
function sharedHome(): Stage & { readonly home: string } {
  const home = temporaryFolder('person');
  return { home, cwd: home, env: cleanEnvironment(home) };
}

/** The clusters of `npm start`, with the repository that bergen mirrors and visby cannot see. */
async function demonstrated(): Promise<Stage> {
  const { home, env } = sharedHome();
  const start = (name: string): Promise<Cluster> => startCluster({ name, env });
  const [lubeck, bergen, visby] = [
    await start('lubeck'),
    await start('bergen'),
    await start('visby'),
  ];
  await linkClusters(lubeck, bergen);
  await linkClusters(lubeck, visby);
  await publish(lubeck, 'hansa');
  await must(lubeck, 'share', 'add', 'hansa', '--to', 'bergen');
  await must(bergen, 'mirror', 'add', 'lubeck:hansa');
  return { cwd: home, env };
}
