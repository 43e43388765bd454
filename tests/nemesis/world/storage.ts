// Where a data folder lies, if not on the disk that is there: a small file system in memory, or a
// disk image. They are mounted in a namespace of their own, which ends with the process that holds
// it, so nothing is left mounted whatever happens.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { endProcess, trackProcess } from '../../black-box/harness/processes.ts';
import { run } from '../../black-box/harness/run.ts';

export interface Storage {
  /** As a node sees it. */
  readonly folder: string;
  /** The same from outside. */
  readonly outside: string;
  /** Words that begin a program in there; none where it is a plain folder. */
  readonly enter: readonly string[];
  close(): Promise<void>;
}

export function plainFolder(folder: string): Storage {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  return { folder, outside: folder, enter: [], close: () => Promise.resolve() };
}

/** In memory, with so much space and no more; whoever may make namespaces needs no other right. */
export function smallDisk(folder: string, bytes: number): Promise<Storage> {
  const asUser = ['--user', '--map-root-user'];
  return mounted(folder, asUser, [
    'mount',
    '-t',
    'tmpfs',
    '-o',
    `size=${bytes},mode=700`,
    'small',
    folder,
  ]);
}

/** An ext4 file system in a file. */
export async function makeImage(file: string, bytes: number): Promise<void> {
  await must('truncate', ['--size', String(bytes), file]);
  await must('mkfs.ext4', ['-q', '-F', '-E', 'lazy_itable_init=0,lazy_journal_init=0', file]);
}

export function mountImage(folder: string, file: string): Promise<Storage> {
  return mounted(folder, [], ['mount', '-o', 'loop', file, folder]);
}

async function mounted(
  folder: string,
  users: readonly string[],
  words: readonly string[],
): Promise<Storage> {
  mkdirSync(folder, { recursive: true, mode: 0o700 });
  const data = join(folder, 'data');
  // $0 to $n are given as words of their own: no path is ever read as a command.
  const script = '"$@" && mkdir -p "$0" && chmod 700 "$0" && echo up && exec cat';
  const holder = spawn(
    'unshare',
    [...users, '--mount', '--propagation', 'private', 'sh', '-c', script, data, ...words],
    { stdio: ['pipe', 'pipe', 'inherit'] },
  );
  trackProcess(holder);
  const ended = once(holder, 'exit').then(() => {
    throw new Error(`${words.join(' ')} failed`);
  });
  ended.catch(() => undefined); // it ends some day, when nobody waits for the mount any more
  await Promise.race([once(holder.stdout, 'data'), ended]);
  const entered = users.length === 0 ? [] : ['--user', '--preserve-credentials'];
  return {
    folder: data,
    outside: `/proc/${holder.pid}/root${data}`,
    enter: ['nsenter', `--target=${holder.pid}`, ...entered, '--mount', '--wd=/'],
    close: () => endProcess(holder, 'SIGKILL'),
  };
}

async function must(program: string, args: readonly string[]): Promise<void> {
  const done = await run(program, args, { cwd: '/' });
  if (done.code !== 0) {
    throw new Error(`${program} ${args.join(' ')}: ${done.stderr}`);
  }
}
