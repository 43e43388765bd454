// The demonstration: runs the story, says what to try next, and leaves no process behind.
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { Cluster, Name } from './clusters.ts';
import { DemoFailure } from './failure.ts';
import * as story from './federation.ts';
import { say } from './narrator.ts';
import { checkout, readOptions, usage, type DemoOptions } from './options.ts';
import { createShell } from './shell.ts';
import { lightFromBergen } from './signals.ts';
import { findSource } from './source.ts';
import * as worstDay from './worst-day.ts';

const clusters = new Map<Name, Cluster>();

async function tell(options: DemoOptions): Promise<void> {
  const shell = createShell(options);
  const source = await findSource(options, shell);
  await story.startAll(options, clusters);
  const stage: story.Stage = {
    options,
    shell,
    clusters,
    cluster(name) {
      const found = clusters.get(name);
      if (found === undefined) {
        throw new DemoFailure(`${name} is not running`);
      }
      return found;
    },
    ownUrl: `${urlOf('lubeck')}/git/${options.repositoryName}.git`,
    mirrorUrl: `${urlOf('bergen')}/git/@lubeck/${options.repositoryName}.git`,
    gitLogin: [
      '-c',
      `credential.helper=!'${join(checkout, 'node_modules', '.bin', 'hansa')}' credential`,
    ],
    workFolder: join(options.home, 'demo', 'work'),
  };
  await story.showIdentities(stage);
  await story.linkTo(stage, 'bergen');
  await story.linkTo(stage, 'visby');
  await story.pushRepository(stage, source);
  await story.shareWithBergen(stage);
  await story.mirrorOnBergen(stage);
  await story.cloneFromBergen(stage, source);
  await story.hiddenFromVisby(stage);
  await lightFromBergen(stage);
  await worstDay.pushToMirror(stage);
  await worstDay.pushByBergen(stage);
  await worstDay.flippedByte(stage);
  await worstDay.stoppedPeer(stage);
  if (!options.once) {
    tryNext(stage); // it asks clusters that are up
  }
}

function urlOf(name: Name): string {
  const cluster = clusters.get(name);
  if (cluster === undefined) {
    throw new DemoFailure(`${name} is not running`);
  }
  return cluster.url;
}

function tryNext({ options, mirrorUrl, gitLogin }: story.Stage): void {
  const name = options.repositoryName;
  process.stdout.write('\nAll of it held. Try next, from this folder in another terminal:\n');
  for (const line of [
    'npx hansa --context bergen status',
    'npx hansa --context bergen link list',
    `npx hansa --context lubeck share add ${name} --to visby --plan`,
    `npx hansa --context lubeck why visby pull git/${name}`,
    'npx hansa --context bergen sync status -o json',
    'npx hansa --context bergen signal set /bergen/light 0.5',
    `npx hansa --context visby signal watch '/bergen/**'`,
    `git ${gitLogin[0]} "${gitLogin[1]}" clone ${mirrorUrl} my-clone`,
    'npx hansa --help',
  ]) {
    say(line);
  }
}

function howToGoOn({ home }: DemoOptions, args: readonly string[]): void {
  const rest = args.filter((each) => each !== '--once').map((each) => `'${each}'`);
  process.stdout.write(
    `\nAll of it held. The clusters are stopped; their data stays in ${home}.\n` +
      'To go on with them, and to try more:\n',
  );
  say(['npm start', ...(rest.length === 0 ? [] : ['--', ...rest])].join(' '));
}

async function stopAll(): Promise<void> {
  await Promise.allSettled([...clusters.values()].map((cluster) => cluster.stop()));
  clusters.clear();
}

function report(error: unknown): void {
  const failure = error instanceof Error ? error : new Error(String(error));
  process.stderr.write(`\nerror: ${failure.message}\n`);
  if (failure.cause instanceof Error) {
    process.stderr.write(`cause: ${failure.cause.message}\n`);
  }
  if (failure instanceof DemoFailure && failure.fix !== undefined) {
    process.stderr.write(`fix: ${failure.fix}\n`);
  }
}

function whenAsked(): Promise<void> {
  return new Promise((resolve) => {
    process.once('SIGINT', () => resolve());
    process.once('SIGTERM', () => resolve());
  });
}

async function main(): Promise<number> {
  const asked = whenAsked();
  const options = readOptions(process.argv.slice(2));
  if (options === 'help') {
    process.stdout.write(usage);
    return 0;
  }
  const again = existsSync(join(options.home, 'demo', 'lubeck', 'store'));
  process.stdout.write(again ? 'Starting from what an earlier start left.\n' : '');
  const told = tell(options).then(
    () => 'told' as const,
    (error: unknown) => ({ error }),
  );
  const first = await Promise.race([told, asked.then(() => 'interrupted' as const)]);
  if (typeof first === 'object') {
    report(first.error);
    await stopAll();
    return 1;
  }
  if (first === 'told' && !options.once) {
    process.stdout.write(
      '\nThe clusters stay up. Ctrl-C stops them; npm start finds them as they are.\n',
    );
    await asked;
  }
  await stopAll();
  if (first === 'interrupted') {
    // The story fails at its next step; what it started meanwhile is stopped as well.
    await told;
    await stopAll();
    return 130;
  }
  if (options.once) {
    howToGoOn(options, process.argv.slice(2));
  }
  return 0;
}

try {
  process.exitCode = await main();
} catch (error) {
  report(error);
  await stopAll();
  process.exitCode = 2;
}
