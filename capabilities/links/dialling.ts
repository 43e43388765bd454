// Keeps every link of ours connected: one loop per link that dials, waits for the end of the
// connection, and dials again, ever more slowly where it does not last.
import {
  reportOf,
  type Clock,
  type ClusterId,
  type ErrorReport,
  type Random,
} from '@hansa/foundation';
import type { Phase } from './beats.ts';
import type { LinkRecord } from './keys.ts';
import type { LinkRecords } from './records.ts';
import type { PeerSession, Sessions } from './sessions.ts';

const redialMinMs = 250;
const redialMaxMs = 15_000; // an edge that comes back is found within this, whoever dials
const lastingMs = redialMaxMs; // a connection that held for so long is worth an immediate redial

export interface DiallingNeeds {
  readonly records: LinkRecords;
  readonly clock: Clock;
  readonly random: Random;
  readonly sessions: Sessions;
  readonly errors: Map<ClusterId, ErrorReport>;
  setPhase(peer: ClusterId, phase: Phase): void;
}

/** Begins now, and with every link that is made; the returned function waits for the loops' end. */
export function beginDialling(needs: DiallingNeeds, signal: AbortSignal): () => Promise<void> {
  const { links } = needs.records;
  const loops = new Map<ClusterId, Promise<void>>();
  const begin = (): void => {
    for (const { value } of links.rows.values()) {
      const { peer } = value;
      if (isToDial(value) && !loops.has(peer)) {
        const loop = keepDialling(needs, peer, signal);
        loops.set(
          peer,
          loop.finally(() => loops.delete(peer)),
        );
      }
    }
  };
  const stop = links.subscribe(begin);
  begin();
  return async () => {
    stop();
    await Promise.allSettled(loops.values());
  };
}

function isToDial(link: LinkRecord): boolean {
  return link.mine && !link.closed;
}

async function keepDialling(
  needs: DiallingNeeds,
  peer: ClusterId,
  signal: AbortSignal,
): Promise<void> {
  const { sessions, records, clock, random } = needs;
  let waitMs = redialMinMs;
  for (;;) {
    const record = records.find(peer);
    if (signal.aborted || record === undefined || !isToDial(record)) {
      return;
    }
    const begunMs = clock.monotonicMs();
    const session = sessions.find(peer) ?? (await tryDial(needs, record, signal));
    await session?.closed;
    if (session !== undefined && clock.monotonicMs() - begunMs >= lastingMs) {
      waitMs = redialMinMs;
      continue;
    }
    // Full jitter keeps a hub's thousand leaves from coming back in the same instant. A peer that
    // greets and closes at once, as one does that holds no link with us, is waited for as well.
    await clock.sleep(waitMs * (0.5 + random.fraction()), signal).catch(() => undefined);
    waitMs = Math.min(waitMs * 2, redialMaxMs);
  }
}

async function tryDial(
  needs: DiallingNeeds,
  record: LinkRecord,
  signal: AbortSignal,
): Promise<PeerSession | undefined> {
  const { peer, endpoints } = record;
  needs.setPhase(peer, 'connecting');
  for (const endpoint of endpoints) {
    try {
      return await needs.sessions.dial(endpoint, peer, signal);
    } catch (error) {
      needs.errors.set(peer, reportOf(error));
    }
  }
  // The peer may have reached us while we dialled in vain: then the link is up.
  const session = needs.sessions.find(peer);
  if (session === undefined) {
    needs.setPhase(peer, 'none');
  }
  return session;
}
