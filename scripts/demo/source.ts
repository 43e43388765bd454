// The git repository that is shared: the user's, this project's own, or a generated one where there
// is none.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { DemoFailure } from './failure.ts';
import { say } from './narrator.ts';
import type { DemoOptions } from './options.ts';
import type { Shell } from './shell.ts';

/** Author of the commits that the demonstration makes, whatever the user's git is told. */
export const author: readonly string[] = [
  '-c',
  'user.name=Hansa demonstration',
  '-c',
  'user.email=demo@hansa.invalid',
  '-c',
  'commit.gpgsign=false',
];

/** A folder with at least one commit. */
export async function findSource(options: DemoOptions, shell: Shell): Promise<string> {
  const head = await shell
    .quietGit(options.repository, 'rev-parse', '--verify', 'HEAD')
    .catch((cause: unknown) => {
      throw new DemoFailure(`there is no folder ${options.repository}`, {
        cause,
        fix: 'name a git repository: npm start -- --repository PATH',
      });
    });
  if (head.code === 0) {
    return options.repository;
  }
  if (options.given) {
    throw new DemoFailure(`${options.repository} is no git repository with a commit`, {
      cause: new Error(head.stderr.trim()),
      fix: 'name another one: npm start -- --repository PATH',
    });
  }
  return generate(options, shell);
}

async function generate(options: DemoOptions, shell: Shell): Promise<string> {
  const folder = join(options.home, 'demo', 'generated');
  if (existsSync(join(folder, '.git'))) {
    return folder;
  }
  say('This folder has no git history of its own, so a small repository is made.');
  mkdirSync(folder, { recursive: true });
  const git = async (...args: string[]): Promise<void> => {
    const done = await shell.quietGit(folder, ...author, ...args);
    if (done.code !== 0) {
      throw new DemoFailure(`git ${args[0] ?? ''} failed`, {
        cause: new Error(done.stderr.trim()),
      });
    }
  };
  await git('init', '--quiet', '--initial-branch', 'main');
  for (let i = 1; i <= 20; i += 1) {
    writeFileSync(
      join(folder, `chapter-${i}.md`),
      `# Chapter ${i}\n\n${'All is well at sea.\n'.repeat(i)}`,
    );
    await git('add', '.');
    await git('commit', '--quiet', '--message', `Write chapter ${i}`);
  }
  return folder;
}
