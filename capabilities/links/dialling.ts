// Keeps every link of ours connected: one loop per link that dials, waits for the end of the
// connection, and dials again, for ever and ever more slowly where it does not last.
import {
  follow,
  reportOf,
  type Clock,
  type ClusterId,
  type ErrorReport,
  type Random,
} from '@hansa/foundation';
import type { Phase } from './beats.ts';
import { addressesMax, endpointsMax, type AddressBook, type Endpoint } from './contract.ts';
import type { LinkRecord } from './keys.ts';
import type { LinkRecords } from './records.ts';
import type { PeerSession, Sessions } from './sessions.ts';

const redialMinMs = 250; // a connection that was lost by chance is back before a beat is missed
const redialMaxMs = 15_000; // an edge that comes back is found within this, whoever dials
const lastingMs = redialMaxMs; // a connection that held for so long is worth a redial at once
// a hub that restarts loses all its leaves in one instant; they must not come back in another one
const redialSpreadMs = 1_000;
// hints of one node tried at once: those it told us, and as many that were found
const dialAddressesMax: number = 2 * addressesMax;

export interface DiallingNeeds {
  readonly records: LinkRecords;
  readonly clock: Clock;
  readonly random: Random;
  readonly sessions: Sessions;
  readonly errors: Map<ClusterId, ErrorReport>;
  /** What discovery has found, asked before every dial. */
  book(): AddressBook;
  setPhase(peer: ClusterId, phase: Phase): void;
}

export interface Dialling {
  /** The peer seems to be there: dial now, and begin anew to slow down. */
  retry(peer: ClusterId): void;
  /** Resolves when every loop has ended; they do so at the signal. */
  ended(): Promise<void>;
}

interface Loops extends DiallingNeeds {
  readonly signal: AbortSignal;
  /** Ends the rest of a loop that waits. */
  readonly wakes: Map<ClusterId, () => void>;
  /** Asked for while their loop was busy: it does not wait next time. */
  readonly eager: Set<ClusterId>;
}

/** Begins now, and with every link that is made. */
export function beginDialling(needs: DiallingNeeds, signal: AbortSignal): Dialling {
  const { links } = needs.records;
  const loops: Loops = { ...needs, signal, wakes: new Map(), eager: new Set() };
  const running = new Map<ClusterId, Promise<void>>();
  const begin = (): void => {
    for (const { value } of links.rows.values()) {
      const { peer } = value;
      if (isToDial(value) && !running.has(peer)) {
        const loop = keepDialling(loops, peer);
        running.set(
          peer,
          loop.finally(() => running.delete(peer)),
        );
      }
    }
  };
  const stop = links.subscribe(begin);
  begin();
  return {
    retry(peer) {
      const wake = loops.wakes.get(peer);
      if (wake !== undefined) {
        wake();
      } else if (running.has(peer)) {
        loops.eager.add(peer);
      }
    },
    async ended() {
      stop();
      await Promise.allSettled(running.values());
    },
  };
}

function isToDial(link: LinkRecord): boolean {
  return link.mine && !link.closed;
}

async function keepDialling(loops: Loops, peer: ClusterId): Promise<void> {
  const { sessions, records, clock, random, signal } = loops;
  let waitMs = redialMinMs;
  for (;;) {
    const record = records.find(peer);
    if (signal.aborted || record === undefined || !isToDial(record)) {
      loops.eager.delete(peer);
      return;
    }
    const begunMs = clock.monotonicMs();
    const session = sessions.find(peer) ?? (await tryDial(loops, record));
    if (session !== undefined) {
      loops.eager.delete(peer); // what was to be tried has been
      await session.closed;
    }
    const lasted = session !== undefined && clock.monotonicMs() - begunMs >= lastingMs;
    if (lasted) {
      waitMs = redialMinMs;
      await rest(loops, peer, random.fraction() * redialSpreadMs);
      continue;
    }
    if (session?.dialled === false) {
      waitMs = redialMinMs; // it came by itself: one that is up for moments is not to be missed
    }
    // Full jitter keeps a hub's thousand leaves from coming back in the same instant. A peer that
    // greets and closes at once, as one does that holds no link with us, is waited for as well.
    const woken = await rest(loops, peer, waitMs * (0.5 + random.fraction()));
    waitMs = woken ? redialMinMs : Math.min(waitMs * 2, redialMaxMs);
  }
}

/** Waits, or not so long where somebody says that the peer is there; true in that case. */
async function rest(loops: Loops, peer: ClusterId, ms: number): Promise<boolean> {
  if (loops.eager.delete(peer) || loops.signal.aborted) {
    return true;
  }
  const { controller, release } = follow(loops.signal);
  let woken = false;
  loops.wakes.set(peer, () => {
    woken = true;
    controller.abort();
  });
  await loops.clock.sleep(ms, controller.signal).catch(() => undefined);
  loops.wakes.delete(peer);
  release();
  return woken;
}

async function tryDial(loops: Loops, record: LinkRecord): Promise<PeerSession | undefined> {
  const { peer } = record;
  const { signal, sessions } = loops;
  loops.setPhase(peer, 'connecting');
  for (const endpoint of candidates(record.endpoints, loops.book().endpoints(peer))) {
    try {
      const session = await sessions.dial(endpoint, peer, signal);
      if (signal.aborted) {
        session.close('the node is stopping');
      }
      await remember(loops.records, peer, endpoint);
      return session;
    } catch (error) {
      loops.errors.set(peer, reportOf(error));
    }
    if (signal.aborted) {
      break;
    }
  }
  // The peer may have reached us while we dialled in vain: then the link is up.
  const session = sessions.find(peer);
  if (session === undefined) {
    loops.setPhase(peer, 'none');
  }
  return session;
}

/**
 * Of a node that both know, all hints in one dial: the transport tries them together, so an old
 * address costs the new one no time.
 */
export function candidates(
  told: readonly Endpoint[],
  found: readonly Endpoint[],
): readonly Endpoint[] {
  const byNode = new Map(told.map((endpoint) => [endpoint.node, endpoint]));
  for (const { node, addresses } of found) {
    byNode.set(node, withAddresses(byNode.get(node), { node, addresses }, dialAddressesMax));
  }
  return [...byNode.values()].slice(0, endpointsMax);
}

function withAddresses(known: Endpoint | undefined, more: Endpoint, max: number): Endpoint {
  const all = new Set([...(known?.addresses ?? []), ...more.addresses]);
  return { node: more.node, addresses: [...all].slice(0, max) };
}

/** Hints that were found and led there outlive the finding; what the peer tells goes before. */
async function remember(records: LinkRecords, peer: ClusterId, worked: Endpoint): Promise<void> {
  const keep = (link: LinkRecord): LinkRecord => {
    const held = link.endpoints.find(({ node }) => node === worked.node);
    const kept = withAddresses(held, worked, addressesMax);
    if (held !== undefined && kept.addresses.join() === held.addresses.join()) {
      return link;
    }
    const others = link.endpoints.filter(({ node }) => node !== worked.node);
    return { ...link, endpoints: [kept, ...others].slice(0, endpointsMax) };
  };
  const record = records.find(peer);
  if (record !== undefined && keep(record) !== record) {
    // Nothing hangs on it: what fails here is found again.
    await records.update(peer, keep).catch(() => undefined);
  }
}
