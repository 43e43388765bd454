// Stock git with an identity of its own, no user's settings, and hansa's credential helper.
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterFile } from './after-file.ts';
import { cleanEnvironment, program, temporaryFolder } from './place.ts';
import { run, type Finished } from './run.ts';

/** By the API's address: the HANSA_HOME whose contexts know it. */
const logins = new Map<string, string>();

afterFile(() => logins.clear());

export function rememberLogin(url: string, home: string): void {
  logins.set(url, home);
}

/** Never throws on a failure; stderr says why. */
export function git(cwd: string, ...args: string[]): Promise<Finished> {
  const helpers = [...logins].flatMap(([url, home]): [string, string][] => [
    [
      `credential.${url}.helper`,
      `!HANSA_HOME='${home}' '${process.execPath}' '${program}' credential`,
    ],
  ]);
  const settings: [string, string][] = [
    ['user.name', 'Tester'],
    ['user.email', 'tester@hansa.invalid'],
    ['commit.gpgsign', 'false'],
    ['init.defaultBranch', 'main'],
    ['protocol.version', '2'],
    ...helpers,
  ];
  const configured = Object.fromEntries(
    settings.flatMap(([key, value], index): [string, string][] => [
      [`GIT_CONFIG_KEY_${index}`, key],
      [`GIT_CONFIG_VALUE_${index}`, value],
    ]),
  );
  const env = {
    ...cleanEnvironment(cwd),
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_TERMINAL_PROMPT: '0',
    GIT_CONFIG_COUNT: String(settings.length),
    ...configured,
  };
  return run('git', args, { cwd, env, withinMs: 120_000 });
}

/** The same where failing is a fault of the test: stdout, trimmed. */
export async function gitOk(cwd: string, ...args: string[]): Promise<string> {
  const done = await git(cwd, ...args);
  if (done.code !== 0) {
    throw new Error(`git ${args.join(' ')} failed: ${done.stderr}`);
  }
  return done.stdout.trim();
}

/** A working copy with one commit on main; its folder is removed after the file's tests. */
export async function makeRepository(what = 'source'): Promise<string> {
  const folder = temporaryFolder(what);
  await gitOk(folder, 'init', '--quiet');
  await commit(folder, 'Begin');
  return folder;
}

let commits = 0;

/** Changes a file and commits it: the commit's id. */
export async function commit(folder: string, message: string): Promise<string> {
  commits += 1;
  writeFileSync(join(folder, 'story.txt'), `${message}, ${commits}\n`);
  await gitOk(folder, 'add', '.');
  await gitOk(folder, 'commit', '--quiet', '--message', message);
  return gitOk(folder, 'rev-parse', 'HEAD');
}
