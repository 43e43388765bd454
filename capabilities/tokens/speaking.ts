// Whom a token speaks for and where it is good, read from what it says: `sub` a principal of its
// issuer, `aud` the clusters that were chosen for it. Pure.
import {
  isPrincipal,
  principal,
  splitPrincipal,
  type ClusterId,
  type Principal,
} from '@hansa/foundation';
import type { TokenHolder } from './contract.ts';

/** As its home calls it; undefined for a label, which speaks for nobody. */
export function speakerOf(subject: string): Principal | undefined {
  return isPrincipal(subject) && splitPrincipal(subject).kind !== 'cluster' ? subject : undefined;
}

/** Whether the principal is another cluster's: no token of ours says that it speaks for one. */
export function isForeign(speaker: Principal): boolean {
  return splitPrincipal(speaker).home !== undefined;
}

/** The same as everybody calls it but its home. */
export function abroad(speaker: Principal, home: ClusterId): Principal {
  return principal({ ...splitPrincipal(speaker), home });
}

/** As `here` calls it. */
export function calledAt(here: ClusterId, speaker: Principal, home: ClusterId): Principal {
  return home === here ? speaker : abroad(speaker, home);
}

export function clustersAmong(audience: readonly TokenHolder[]): readonly ClusterId[] {
  return audience.flatMap((one) =>
    one.startsWith('cluster:') ? [one.slice('cluster:'.length) as ClusterId] : [],
  );
}

export function keysAmong(audience: readonly TokenHolder[]): readonly TokenHolder[] {
  return audience.filter((one) => one.startsWith('key:'));
}
