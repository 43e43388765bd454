// The single steps of claiming: under leases that end with the work where it comes to nothing, and
// the words of it.
import { cancellation } from '../cancellation.ts';
import { HansaError, isHansaError } from '../errors.ts';
import type { KeyValueStore, LeaseId } from '../store/store.ts';
import type { Claim, ClaimMode, ClaimTables, Standing } from './claim.ts';
import type { Token } from './holding.ts';
import { leased, type Entering, type Look } from './lines.ts';

export interface ClaimAsked {
  /** Without repetition. */
  readonly names: readonly string[];
  readonly holder: string;
  readonly mode?: ClaimMode;
  readonly weight?: number;
  /** Of a line that is not there yet; where it is, it has to be the same. */
  readonly capacity?: number | undefined;
  readonly ttlSeconds: number;
  readonly waitMs: number;
  readonly data?: string;
}

export interface Granted {
  /** In the order of the names that were asked. */
  readonly tokens: readonly Token[];
  readonly ttlSeconds: number;
}

/**
 * Revokes the lease where the work fails or comes to nothing; undefined where the lease was over
 * before the work was done, since the process stood still.
 */
export async function withLease<T>(
  store: KeyValueStore,
  seconds: number,
  work: (lease: LeaseId) => Promise<T | undefined>,
): Promise<T | undefined> {
  const { id } = await store.leaseGrant(seconds);
  let done: T | undefined;
  try {
    done = await work(id);
    return done;
  } catch (error) {
    if (isHansaError(error, 'STORE_LEASE_NOT_FOUND')) {
      return undefined;
    }
    throw error;
  } finally {
    if (done === undefined) {
      await revoke(store, id);
    }
  }
}

/** What the lease holds goes: now, or by itself where the store does not hear of it. */
export async function revoke(store: KeyValueStore, lease: LeaseId): Promise<void> {
  await store.leaseRevoke(lease).catch(() => undefined);
}

/** False where the lease is over. */
export async function keepAlive(store: KeyValueStore, lease: LeaseId): Promise<boolean> {
  try {
    await store.leaseKeepAlive(lease);
    return true;
  } catch (error) {
    if (isHansaError(error, 'STORE_LEASE_NOT_FOUND')) {
      return false;
    }
    throw error;
  }
}

/** The same claims under another lease; false where one of them has changed meanwhile. */
export async function putAgain(
  needs: { readonly store: KeyValueStore; readonly tables: ClaimTables },
  claims: { readonly entered: readonly Entering[]; readonly own: readonly Standing[] },
  how: { readonly lease: LeaseId; readonly changed: Partial<Claim> },
): Promise<boolean> {
  const { store, tables } = needs;
  const each = claims.entered.flatMap(({ name, ticket }, at) => {
    const standing = claims.own[at];
    return standing === undefined ? [] : [{ parts: [name, ticket], standing }];
  });
  const { succeeded } = await store.transact({
    if: each.map(({ parts, standing }) => ({
      key: tables.claims.key(...parts),
      target: 'modRevision',
      op: '=',
      operand: standing.modRevision,
    })),
    then: each.map(({ parts, standing }) =>
      leased(tables.claims.put(parts, { ...standing.claim, ...how.changed }), how.lease),
    ),
  });
  return succeeded;
}

/** Who is in the way. */
export function busy(noun: string, asked: ClaimAsked, look: Look): HansaError {
  const holding = look.views
    .flatMap(({ name, standing }) => standing.map((each) => ({ name, ...each })))
    .find(({ claim }) => claim.granted && claim.holder !== asked.holder);
  const [first = ''] = asked.names;
  if (holding === undefined) {
    const sentence = `others wait for the ${noun} "${first}" before you`;
    return new HansaError('COORDINATION_BUSY', sentence);
  }
  const { name, claim, ticket } = holding;
  return new HansaError('COORDINATION_BUSY', `the ${noun} "${name}" is held by ${claim.holder}`, {
    facts: { name, holder: claim.holder, token: ticket },
  });
}

export function granted({ ttlSeconds }: ClaimAsked, entered: readonly Entering[]): Granted {
  return { tokens: entered.map(({ name, ticket }) => ({ name, token: ticket })), ttlSeconds };
}

/** The claims that were entered; undefined where one of them is gone. */
export function ownStanding(
  look: Look,
  entered: readonly Entering[],
): readonly Standing[] | undefined {
  const own = look.views.flatMap(({ standing }, at) =>
    standing.filter(({ ticket }) => ticket === entered[at]?.ticket),
  );
  return own.length === entered.length ? own : undefined;
}

/** Whoever went away wants nothing any more: what was granted meanwhile goes back. */
export function requireWanted(signal: AbortSignal | undefined): void {
  if (signal?.aborted === true) {
    throw cancellation(signal);
  }
}
