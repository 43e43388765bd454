// A call on its way to an app: to its listener where it is here, else to the clusters that have it,
// with a token that each cluster on the way narrows for the next one. Nobody's own rights are lent.
import {
  deadline,
  HansaError,
  isHansaError,
  remote,
  type Clock,
  type ClusterId,
  type ErrorCode,
  type Log,
} from '@hansa/foundation';
import type { Peers } from '../links/contract.ts';
import { tokenSkewMs, type TokenChecks, type VerifiedToken } from '../tokens/contract.ts';
import {
  appCallMs,
  hintsMax,
  proxyFact,
  proxyHopsMax,
  proxyTargetsMax,
  proxyTokenMs,
  type App,
} from './contract.ts';
import type { AppEndpoints, AppRequest } from './endpoint.ts';
import type { AppRecord } from './keys.ts';
import type { Neighbours } from './neighbours.ts';
import { appsPeerContract, type PassedAnswer } from './wire.ts';

export interface CallingNeeds {
  readonly cluster: ClusterId;
  readonly peers: Peers;
  readonly clock: Clock;
  readonly log: Log;
  readonly checks: TokenChecks;
  /** Whether calls are passed on, and taken from peers. */
  readonly proxy: boolean;
  /** Absent in simulations. */
  readonly endpoints: AppEndpoints | undefined;
  readonly neighbours: Neighbours;
  find(id: string): AppRecord | undefined;
}

export interface Journey {
  readonly app: string;
  readonly request: AppRequest;
  readonly hops: readonly ClusterId[];
  /** The token by which it may go on, bound to this cluster. */
  readonly token: string | undefined;
  readonly signal: AbortSignal;
}

/** Calls the app's listener on this machine. */
export async function callHere(
  { cluster, clock, endpoints }: CallingNeeds,
  app: AppRecord,
  journey: Journey & { readonly caller: string },
): Promise<PassedAnswer> {
  if (app.endpoint === undefined || endpoints === undefined) {
    throw new HansaError('APP_UNREACHABLE', `${app.id} is registered here without an endpoint`, {
      fix: `hansa app register ${app.id} --endpoint http://127.0.0.1:<port>`,
    });
  }
  const { request, caller, hops } = journey;
  const late = deadline(clock, appCallMs, {
    reason: () => lateError(app.id),
    signal: journey.signal,
  });
  try {
    const answer = await endpoints.call(app.endpoint, { ...request, caller }, late.signal);
    return { ...answer, cluster, hops };
  } finally {
    late.done();
  }
}

/** Passes the call on to the nearest clusters that have the app, one after another. */
export async function callElsewhere(needs: CallingNeeds, journey: Journey): Promise<PassedAnswer> {
  const { cluster, proxy, log } = needs;
  const { app, hops, token } = journey;
  // Whoever passes a call on learns only of what those who have it let be known.
  const known = needs.neighbours
    .apps()
    .filter(
      ({ id, via }) =>
        id === app && (hops.length === 0 || needs.neighbours.heard(via)?.proxy === true),
    );
  const targets = known.filter(
    (one) => !hops.includes(one.via) && !hops.includes(one.cluster) && one.cluster !== cluster,
  );
  if (!proxy || targets.length === 0) {
    throw unavailable(app, known, proxy ? undefined : 'this cluster passes no calls on');
  }
  if (hops.length >= proxyHopsMax) {
    throw new HansaError('PROXY_REFUSED', `the call came over ${hops.length} clusters already`, {
      facts: { proxyHopsMax },
    });
  }
  if (token === undefined) {
    throw new HansaError('PROXY_REFUSED', `${app} is elsewhere, and no token came with the call`, {
      fix: 'give one that covers it and is bound to this cluster: --token, or --received',
      facts: { app, clusters: clustersOf(known).join(' ') },
    });
  }
  let refusal: unknown;
  for (const { via } of distinct(targets).slice(0, proxyTargetsMax)) {
    try {
      return await pass(needs, { ...journey, token }, via);
    } catch (error) {
      log.event('app.not-passed', { app, via, reason: codeOf(error) });
      // The first word of a cluster that was reached says more than that others were not.
      refusal ??= isTelling(error) ? error : undefined;
      if (!mayTryAnother(error, journey)) {
        throw error;
      }
    }
  }
  throw refusal instanceof Error
    ? refusal
    : unavailable(app, known, 'none of the clusters that have it was reached');
}

async function pass(
  { cluster, clock, checks, peers }: CallingNeeds,
  journey: Journey & { readonly token: string },
  to: ClusterId,
): Promise<PassedAnswer> {
  const { app, request, hops } = journey;
  const token = checks.pass(journey.token, {
    to,
    caps: [`app:${app}`],
    ttlMs: proxyTokenMs,
    facts: [proxyFact],
  });
  const late = deadline(clock, appCallMs, { reason: () => lateError(app), signal: journey.signal });
  try {
    return await remote(appsPeerContract, peers.carrier(to)).call(
      { ...request, app, token, hops: [...hops, cluster] },
      { signal: late.signal },
    );
  } finally {
    late.done();
  }
}

/**
 * What a token must be that a call comes with: bound to this cluster, so that nobody else can use
 * it; meant to be passed on; and short, since what it opens cannot be taken back on the way.
 */
export function requirePassable(
  { cluster, clock }: Pick<CallingNeeds, 'cluster' | 'clock'>,
  token: VerifiedToken,
  app: string,
): void {
  if (!token.audience.includes(`cluster:${cluster}`)) {
    throw new HansaError(
      'TOKEN_WRONG_AUDIENCE',
      `the token is bound to ${token.audience.join(', ')}, and not to this cluster`,
      { fix: `narrow it for this cluster: --audience cluster:${cluster}` },
    );
  }
  if (!token.facts.includes(proxyFact)) {
    throw new HansaError('PROXY_REFUSED', 'the token was not made to be passed on', {
      fix: `narrow it with --fact ${proxyFact}`,
    });
  }
  if (token.expiresMs - clock.now() > proxyTokenMs + tokenSkewMs) {
    throw new HansaError('PROXY_REFUSED', 'a token that is passed on lives 15 minutes at most', {
      fix: 'narrow it with --expires 15m',
      facts: { proxyTokenMs },
    });
  }
  requireCovered(token, app);
}

export function requireCovered(token: VerifiedToken, app: string): void {
  if (!token.grants(`app:${app}`)) {
    throw new HansaError('TOKEN_SCOPE', `the token does not cover the app ${app}`, {
      fix: `it would need the scope "app:${app}"`,
    });
  }
}

export function unavailable(
  app: string,
  known: readonly App[],
  why: string | undefined,
): HansaError {
  const clusters = clustersOf(known);
  const names = distinctNames(known).slice(0, hintsMax).join(', ');
  const where =
    clusters.length === 0 ? 'no cluster that is known here has it' : `it is at ${names}`;
  const because = why === undefined ? '' : `; ${why}`;
  return new HansaError('CAPABILITY_UNAVAILABLE', `${app} is not here; ${where}${because}`, {
    fix: clusters.length === 0 ? 'hansa app list shows what there is' : `call it at ${names}`,
    facts: { app, clusters: clusters.slice(0, hintsMax).join(' ') },
  });
}

function clustersOf(known: readonly App[]): readonly ClusterId[] {
  return [...new Set(known.map(({ cluster }) => cluster))];
}

function distinctNames(known: readonly App[]): readonly string[] {
  return [...new Set(known.map(({ cluster, clusterName }) => clusterName ?? cluster.slice(0, 8)))];
}

/** One way for each neighbour: a second try over the same one would fail alike. */
function distinct<T extends { readonly via: ClusterId }>(targets: readonly T[]): readonly T[] {
  return targets.filter((one, at) => targets.findIndex(({ via }) => via === one.via) === at);
}

function lateError(app: string): HansaError {
  return new HansaError('TIMED_OUT', `${app} did not answer within ${appCallMs / 1_000} s`);
}

const unreached: readonly ErrorCode[] = [
  'LINK_DOWN',
  'LINK_PENDING',
  'LINK_NOT_OURS',
  'LINK_NOT_FOUND',
  'METHOD_UNKNOWN',
  'CAPABILITY_UNAVAILABLE',
];
/** After these the call may have been carried out: tried again only where that is harmless. */
const uncertain: readonly ErrorCode[] = ['TIMED_OUT', 'CONNECTION_CLOSED', 'REMOTE_FAILED'];
/** These are about the call itself: another cluster would say the same. */
const final: readonly ErrorCode[] = ['CANCELLED', 'TOKEN_TOO_DEEP', 'TOKEN_TOO_LARGE'];

function isTelling(error: unknown): boolean {
  return !unreached.some((code) => isHansaError(error, code));
}

function mayTryAnother(error: unknown, { request, signal }: Journey): boolean {
  if (signal.aborted || final.some((code) => isHansaError(error, code))) {
    return false;
  }
  return request.method === 'GET' || !uncertain.some((code) => isHansaError(error, code));
}

function codeOf(error: unknown): string {
  return isHansaError(error) ? error.code : 'INTERNAL';
}
