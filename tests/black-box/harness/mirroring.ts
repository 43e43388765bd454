// A repository on its way: made and pushed at its owner, mirrored by a peer, waited for.
import type { Repository, ShownRepository } from '@hansa/capabilities/forge/contract';
import type { Mirror, MirrorState } from '@hansa/capabilities/sync/contract';
import type { Cluster } from './cluster.ts';
import { gitOk, makeRepository } from './git.ts';
import { must } from './linking.ts';
import { notYet, until } from './until.ts';

/** Makes `name` on the cluster and pushes main to it: the working copy's folder. */
export async function publish(cluster: Cluster, name: string): Promise<string> {
  await must<Repository>(cluster, 'repo', 'create', name);
  const folder = await makeRepository(name);
  await push(folder, cluster, name);
  return folder;
}

export function push(folder: string, cluster: Cluster, name: string): Promise<string> {
  return gitOk(folder, 'push', '--quiet', ownUrl(cluster, name), 'HEAD:refs/heads/main');
}

/** For stock git, at the owner. */
export function ownUrl(cluster: Cluster, name: string): string {
  return `${cluster.url}/git/${name}.git`;
}

/** For stock git, at whoever mirrors it from `owner`. */
export function mirrorUrl(cluster: Cluster, owner: string, name: string): string {
  return `${cluster.url}/git/@${owner}/${name}.git`;
}

/** Of an own repository, or `owner:name` of a mirror. */
export async function showRepository(cluster: Cluster, name: string): Promise<ShownRepository> {
  return read<ShownRepository>(cluster, `/repositories/show?name=${encodeURIComponent(name)}`);
}

/** Over the API: quick enough to look again and again. */
export async function showMirror(cluster: Cluster, resource: string): Promise<Mirror> {
  return read<Mirror>(cluster, `/mirrors/show?resource=${encodeURIComponent(resource)}`);
}

async function read<T>(cluster: Cluster, path: string): Promise<T> {
  const { status, body, text } = await cluster.api<T>('GET', path);
  if (status !== 200) {
    throw new Error(`GET ${path} on ${cluster.name}: ${text}`);
  }
  return body;
}

export function untilState(
  cluster: Cluster,
  resource: string,
  wanted: { readonly state: MirrorState; readonly withinMs?: number },
): Promise<Mirror> {
  return until(
    `${resource} is ${wanted.state} on ${cluster.name}`,
    async () => {
      const mirror = await showMirror(cluster, resource);
      return mirror.state === wanted.state ? mirror : notYet(mirror);
    },
    wanted.withinMs ?? 30_000,
  );
}

/** Waits until `cluster` has applied what its owner shows as newest now. */
export async function untilCaughtUp(
  { owner, cluster, name }: { owner: Cluster; cluster: Cluster; name: string },
  withinMs = 60_000,
): Promise<Mirror> {
  const { sequence } = await showRepository(owner, name);
  return until(
    `${cluster.name} has applied change ${sequence} of ${name}`,
    async () => {
      const mirror = await showMirror(cluster, `${owner.name}:${name}`);
      const applied = mirror.applied?.sequence ?? 0;
      return mirror.state === 'current' && applied >= sequence ? mirror : notYet(mirror);
    },
    withinMs,
  );
}

/** The id that a ref has on a cluster, by its own account; undefined where it has none. */
export async function refOf(
  cluster: Cluster,
  name: string,
  ref = 'refs/heads/main',
): Promise<string | undefined> {
  const { refs } = await showRepository(cluster, name);
  return refs.find((each) => each.name === ref)?.target;
}
