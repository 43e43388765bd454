// Links two clusters as two people would: invite, accept, compare the words, confirm on both sides.
import type { Acceptance, Invitation, Link, LinkStatus } from '@hansa/capabilities/links/contract';
import type { Cluster } from './cluster.ts';
import { notYet, until } from './until.ts';

export interface LinkOptions {
  /** A serves and does not pull. */
  readonly serveOnlyA?: boolean;
  readonly serveOnlyB?: boolean;
}

/** A invites, B accepts; resolves when both show the link as live or idle. */
export async function linkClusters(
  a: Cluster,
  b: Cluster,
  options: LinkOptions = {},
): Promise<void> {
  const { token } = await must<Invitation>(a, 'link', 'invite', ...serveOnly(options.serveOnlyA));
  const words = ['link', 'accept', token, ...serveOnly(options.serveOnlyB)];
  const { link } = await must<Acceptance>(b, ...words);
  await must(b, 'link', 'confirm', a.name, '--words', link.checkWords);
  await must(a, 'link', 'confirm', b.name, '--words', link.checkWords);
  await Promise.all([untilLinked(a, b.name), untilLinked(b, a.name)]);
}

/** `hansa -o json` where failing is a fault of the test. */
export async function must<T>(cluster: Cluster, ...args: string[]): Promise<T> {
  const done = await cluster.hansa(...args);
  if (done.code !== 0) {
    throw new Error(`hansa ${args.join(' ')} on ${cluster.name}: ${done.stderr}`);
  }
  return done.json<T>();
}

/** How `cluster` sees its link to `peer`, over the API: quick enough to look again and again. */
export async function linkOf(cluster: Cluster, peer: string): Promise<Link> {
  const { status, body, text } = await cluster.api<Link>('GET', `/links/${peer}`);
  if (status !== 200) {
    throw new Error(`${cluster.name} shows no link to ${peer}: ${text}`);
  }
  return body;
}

/** Waits until the link has one of the statuses. */
export function untilStatus(
  cluster: Cluster,
  peer: string,
  wanted: { readonly statuses: readonly LinkStatus[]; readonly withinMs?: number },
): Promise<Link> {
  const { statuses, withinMs = 30_000 } = wanted;
  return until(
    `${cluster.name} shows ${peer} as ${statuses.join(' or ')}`,
    async () => {
      const link = await linkOf(cluster, peer);
      return statuses.includes(link.status) ? link : notYet(link);
    },
    withinMs,
  );
}

export function untilLinked(cluster: Cluster, peer: string): Promise<Link> {
  return untilStatus(cluster, peer, { statuses: ['live', 'idle'] });
}

function serveOnly(asked = false): string[] {
  return asked ? ['--serve-only'] : [];
}
