// Where links prove who is at their ends, nobody says on them what he owns: that is stated here, by
// the cluster that this router belongs to, and may change at any time.
import { isPrivate } from './config.ts';
import type { KinLink } from './kin-link.ts';
import type { Spreading } from './spreading.ts';
import type { Advert } from './suffix.ts';
import type { Router } from '../router/router.ts';
import type { Owner, Topology } from './topology.ts';

/** The router at this end, as far as its statements need it. */
export interface StatingHost {
  readonly routerId: string;
  readonly topology: Topology;
  readonly links: ReadonlyMap<string, KinLink>;
  readonly router: Router | undefined;
}

export interface Statement {
  readonly owned: readonly string[];
  /** By router. */
  readonly others: ReadonlyMap<string, readonly string[]>;
}

/**
 * Of its values a router keeps what was its own or nobody's and still is, and what is of the same
 * owner as before; the rest would stand here for ever, whatever becomes of it elsewhere.
 */
export function restate(
  { federation, spreading }: { readonly federation: StatingHost; readonly spreading: Spreading },
  { owned, others }: Statement,
): void {
  const { topology, router, routerId } = federation;
  const params = [...(router?.params() ?? [])].filter(({ address }) => !isPrivate(address));
  const before = params.map(({ address }) => ownerName(topology.ownerOf(address), routerId));
  topology.state(owned, others);
  params.forEach((param, at) => {
    const { address } = param;
    const now = ownerName(topology.ownerOf(address), routerId);
    if (now === before[at]) {
      return;
    }
    const isOthers = [before[at], now].some((id) => id !== undefined && id !== routerId);
    if (isOthers) {
      spreading.versions.delete(address);
      router?.remove(address);
    } else if (now === routerId) {
      spreading.adopt(param);
      spreading.flood(address, undefined);
    }
  });
}

function ownerName(owner: Owner | undefined, selfId: string): string | undefined {
  if (owner === undefined || owner.kind === 'self') {
    return owner && selfId;
  }
  return owner.kind === 'peer' ? owner.key : owner.id;
}

/** Of adverts, what the link is told: over one that is proven, who is linked to whom, no more. */
export function advertsFor(
  { rights }: KinLink,
  adverts: readonly Advert[],
  { topology, links, routerId }: StatingHost,
): readonly Advert[] {
  if (rights.brings === undefined) {
    return adverts;
  }
  const proven = new Set([routerId]);
  links.forEach((link) => link.rights.brings !== undefined && proven.add(link.peerId));
  const isProven = (id: string): boolean => proven.has(id) || topology.isProven(id);
  return adverts
    .filter(({ routerId: about }) => isProven(about))
    .map((advert) => ({
      ...advert,
      patterns: [],
      neighbours: advert.neighbours.filter(isProven),
    }));
}
