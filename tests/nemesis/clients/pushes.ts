// A client that pushes: each push is a commit on main with a tag of its own. What git was told is
// accepted must be there for ever, at the owner and at its mirrors.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as later } from 'node:timers/promises';
import type { Heard } from '../../../testkit/nemesis/history.ts';
import { commit, gitOk, makeRepository } from '../../black-box/harness/git.ts';
import { cleanEnvironment } from '../../black-box/harness/place.ts';
import { run, type Finished } from '../../black-box/harness/run.ts';
import { noiseFile } from '../../black-box/rooms/noise.ts';
import type { NodeProcess } from '../world/node-process.ts';
import type { ClusterUnderTest } from './asking.ts';
import type { ClientNeeds } from './client.ts';

export const repository = 'story';

const pauseMs = 300; // a push is four processes; two cores serve everybody
const pushWithinMs = 20_000; // a paused node may come back meanwhile

export async function pushCommits({ name, cluster, recorder, signal }: ClientNeeds): Promise<void> {
  const folder = await makeRepository(name);
  for (let made = 1; !signal.aborted; made += 1) {
    const id = await commit(folder, `Change ${made}`);
    const tag = `refs/tags/t${made}`;
    await recorder.record(name, { operation: 'push', key: tag, value: id }, () =>
      push(folder, cluster, [`${id}:refs/heads/main`, `${id}:${tag}`]),
    );
    await later(pauseMs, undefined, { signal }).catch(() => undefined);
  }
}

/** A push that failed may have been accepted all the same: then the next is none. */
async function push(
  folder: string,
  cluster: ClusterUnderTest,
  refs: readonly string[],
): Promise<Heard> {
  const node = cluster.nodes.find(({ isRunning }) => isRunning);
  if (node === undefined) {
    return { outcome: 'fail', why: 'no node runs' };
  }
  const words = ['push', '--quiet', '--force', '--atomic', `${urlOf(node)}/git/${repository}.git`];
  const done = await gitAt(node, folder, [...words, ...refs]);
  return done.code === 0
    ? { outcome: 'ok', value: null }
    : { outcome: 'unknown', why: done.stderr.trim().slice(-200) };
}

/** One push of a file that no pack makes smaller; throws where it is not accepted. */
export async function pushNoise(
  cluster: ClusterUnderTest,
  what: { readonly bytes: number; readonly seed: number },
): Promise<void> {
  const folder = await makeRepository('noise');
  noiseFile(join(folder, 'noise'), what);
  const id = await commit(folder, 'Noise');
  const heard = await push(folder, cluster, [`${id}:refs/heads/noise`]);
  if (heard.outcome !== 'ok') {
    throw new Error(heard.why);
  }
}

/** Stock git in the network of a node, with its owner’s token. */
async function gitAt(node: NodeProcess, cwd: string, args: readonly string[]): Promise<Finished> {
  const { port } = node;
  const login = `http.extraHeader=Authorization: Bearer ${node.address().token}`;
  const [first = '', ...rest] = [...(port?.enter ?? []), 'git', '-c', login, ...args];
  const env = {
    ...cleanEnvironment(cwd),
    GIT_CONFIG_NOSYSTEM: '1',
    GIT_CONFIG_GLOBAL: '/dev/null',
    GIT_TERMINAL_PROMPT: '0',
  };
  return run(first, rest, { cwd, env, withinMs: pushWithinMs });
}

function urlOf({ data }: NodeProcess): string {
  return (JSON.parse(readFileSync(join(data, 'api.json'), 'utf8')) as { url: string }).url;
}

/** What stock git is told of a repository, of an own one or `@owner/name`: ids by refs. */
export async function refsAt(
  node: NodeProcess,
  path: string,
): Promise<ReadonlyMap<string, string>> {
  const done = await gitAt(node, '/', ['ls-remote', `${urlOf(node)}/git/${path}.git`]);
  if (done.code !== 0) {
    throw new Error(done.stderr);
  }
  const lines = done.stdout.split('\n').filter((line) => line !== '');
  return new Map(lines.map((line) => [line.slice(41), line.slice(0, 40)] as const));
}

/** Clones and checks every object: what git says is wrong; empty where nothing is. */
export async function faultsOfClone(
  node: NodeProcess,
  path: string,
  into: string,
): Promise<string> {
  const url = `${urlOf(node)}/git/${path}.git`;
  const cloned = await gitAt(node, into, ['clone', '--quiet', '--mirror', url, 'clone']);
  if (cloned.code !== 0) {
    return cloned.stderr;
  }
  return gitOk(join(into, 'clone'), 'fsck', '--full', '--no-dangling', '--no-progress');
}
