// Two linked clusters, lubeck who owns and bergen who mirrors, and what the tests of pushes, kills
// and large repositories ask of them again and again.
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import type { Mirror } from '@hansa/capabilities/sync/contract';
import { startCluster, type Cluster } from '../harness/cluster.ts';
import { git, gitOk } from '../harness/git.ts';
import { linkClusters, must } from '../harness/linking.ts';
import { showMirror } from '../harness/mirroring.ts';
import { until } from '../harness/until.ts';

export interface Pair {
  readonly lubeck: Cluster;
  readonly bergen: Cluster;
}

/** A repository of lubeck's, shared with bergen and mirrored there. */
export interface SharedRepository {
  readonly name: string;
  readonly pair: Pair;
  /** Where git finds it at its owner; another one after each start of lubeck's. */
  ownUrl(): string;
  mirrorUrl(): string;
  /** The bare repositories from which git is served. */
  ownCache(): string;
  mirrorCache(): string;
}

/** No round of repair runs within a test: what arrives, the stream has brought. */
export const streamOnly: readonly string[] = ['--sync-interval', '3600'];

export async function startPair(flags: readonly string[] = streamOnly): Promise<Pair> {
  const [lubeck, bergen] = await Promise.all([
    startCluster({ name: 'lubeck', flags }),
    startCluster({ name: 'bergen', flags }),
  ]);
  await linkClusters(lubeck, bergen);
  return { lubeck, bergen };
}

export async function shareRepository(pair: Pair, name: string): Promise<SharedRepository> {
  const { lubeck, bergen } = pair;
  const before = { own: cachesOf(lubeck), mirrored: cachesOf(bergen) };
  await must(lubeck, 'repo', 'create', name);
  await must(lubeck, 'share', 'add', name, '--to', bergen.name);
  await must(bergen, 'mirror', 'add', `${lubeck.name}:${name}`);
  const ownCache = newCache(lubeck, before.own);
  let mirrored: string | undefined;
  return {
    name,
    pair,
    ownUrl: () => `${lubeck.url}/git/${name}.git`,
    mirrorUrl: () => `${bergen.url}/git/@${lubeck.name}/${name}.git`,
    ownCache: () => ownCache,
    mirrorCache() {
      mirrored ??= newCache(bergen, before.mirrored);
      return mirrored;
    },
  };
}

function cachesOf(cluster: Cluster): readonly string[] {
  const folder = join(cluster.data, 'git', 'repositories');
  return existsSync(folder) ? readdirSync(folder).map((name) => join(folder, name)) : [];
}

/** The only one that was not there before. */
function newCache(cluster: Cluster, before: readonly string[]): string {
  const [found, second] = cachesOf(cluster).filter((folder) => !before.includes(folder));
  if (found === undefined || second !== undefined) {
    throw new Error(`${cluster.name} has not made exactly one cache since`);
  }
  return found;
}

/** Git's words for a login that costs no process: hundreds of pushes would start hundreds. */
export function loginTo(cluster: Cluster): readonly string[] {
  return ['-c', `http.extraHeader=Authorization: Bearer ${cluster.token()}`];
}

/** Pushes to the owner; throws where git says that it was not accepted. */
export async function push(
  { pair, ownUrl }: SharedRepository,
  folder: string,
  ...refs: readonly string[]
): Promise<void> {
  await gitOk(folder, ...loginTo(pair.lubeck), 'push', '--quiet', ownUrl(), ...refs);
}

export function mirrorRow({ pair, name }: SharedRepository): Promise<Mirror> {
  return showMirror(pair.bergen, `${pair.lubeck.name}:${name}`);
}

/** Refs as stock git is told them, HEAD's branch among them. */
export async function ownRefs({ pair, ownUrl }: SharedRepository): Promise<string> {
  return gitOk(pair.lubeck.home, ...loginTo(pair.lubeck), 'ls-remote', '--symref', ownUrl());
}

export async function mirrorRefs({ pair, mirrorUrl }: SharedRepository): Promise<string> {
  return gitOk(pair.bergen.home, ...loginTo(pair.bergen), 'ls-remote', '--symref', mirrorUrl());
}

/** Waits until the mirror tells stock git the same refs as the owner: those refs. */
export async function untilEqual(shared: SharedRepository, withinMs = 30_000): Promise<string> {
  const own = await ownRefs(shared);
  return until(
    `the mirror of ${shared.name} equals its owner`,
    async () => ((await mirrorRefs(shared)) === own ? own : undefined),
    withinMs,
  );
}

/** Throws where a ref of the bare repository names an object that is not there, at any depth. */
export async function requireWhole(cache: string): Promise<void> {
  await gitOk(cache, 'rev-list', '--objects', '--all', '--quiet');
}

/** What git's own checker finds wrong; empty where nothing is. */
export async function faultsOf(repository: string, ...options: string[]): Promise<string> {
  const done = await git(repository, 'fsck', '--no-dangling', '--no-progress', ...options);
  return done.code === 0 ? '' : `${done.stdout}${done.stderr}`;
}

/** Every file that holds the content of a blob. */
export function blobFiles(cluster: Cluster): readonly string[] {
  const folder = join(cluster.data, 'blobs', 'blobs');
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && /^[0-9a-f]{64}$/.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name));
}
