// Keeps every link connected: dials, waits, dials again; answers other capabilities' questions
// about peers.
import {
  HansaError,
  isHansaError,
  remote,
  reportOf,
  type Carrier,
  type ClusterId,
  type ErrorReport,
} from '@hansa/foundation';
import { createPulse, type Phase, type Pulse } from './beats.ts';
import type { Endpoint, Peers, PeerStanding, ProgressSource } from './contract.ts';
import type { LinkRecord } from './keys.ts';
import type { LinkEvidence } from './link-state.ts';
import { mergeEndpoints, type LinkRecords } from './records.ts';
import { createSessions, type PeerSession, type Sessions } from './sessions.ts';
import type { LinksNeeds } from './service.ts';
import { linkPeerContract, type Standing } from './wire.ts';

const redialMinMs = 250;
const redialMaxMs = 15_000; // an edge that comes back is found within this, whoever dials

export interface RosterNeeds extends LinksNeeds {
  readonly records: LinkRecords;
  ownEndpoints(): readonly Endpoint[];
}

export interface Roster {
  readonly peers: Peers;
  observed(peer: ClusterId): {
    readonly evidence: Omit<LinkEvidence, 'confirmed'>;
    readonly lastError: ErrorReport | undefined;
  };
  pulse(peer: ClusterId): Pulse;
  /** What a connected cluster calls itself. */
  suggestedName(peer: ClusterId): string;
  dial(to: Endpoint, expected: ClusterId, signal?: AbortSignal): Promise<PeerSession>;
  /** A link was made: its session's pulse begins now. */
  linked(peer: ClusterId): void;
  /** Tells the peer how we see the link, and takes in how the peer does; quiet where it is away. */
  announce(peer: ClusterId, signal?: AbortSignal): Promise<void>;
  ownStanding(link: LinkRecord): Standing;
  takeStanding(peer: ClusterId, said: Standing): Promise<void>;
  drop(peer: ClusterId, reason: string): void;
  /** Dials and redials until the signal aborts. */
  run(signal: AbortSignal): Promise<void>;
}

const noProgress: ProgressSource = {
  held: () => ({ root: new Uint8Array(32), missing: 0 }),
  judge: async () => ({ behind: 0, diverged: 0 }),
};

export function createRoster(needs: RosterNeeds): Roster {
  const { records, clock, random, signer, log } = needs;
  const pulses = new Map<ClusterId, Pulse>();
  const errors = new Map<ClusterId, ErrorReport>();
  const listeners = new Set<(cluster: ClusterId) => void>();
  let progress = noProgress;
  const changed = (cluster: ClusterId): void => {
    for (const listener of listeners) {
      listener(cluster);
    }
  };
  const pulse = (peer: ClusterId): Pulse => {
    const held = pulses.get(peer);
    if (held !== undefined) {
      return held;
    }
    const made = createPulse({
      clock,
      random,
      log,
      peer,
      progress: () => progress,
      changed: () => changed(peer),
    });
    pulses.set(peer, made);
    return made;
  };
  const isLinked = (cluster: ClusterId): boolean => records.find(cluster)?.closed === false;
  const sessions: Sessions | undefined =
    needs.transport === undefined
      ? undefined
      : createSessions({
          ...needs,
          transport: needs.transport,
          isLinked,
          opened(session) {
            roster.linked(session.identity.cluster);
            void roster.announce(session.identity.cluster);
          },
          ended(session, reason) {
            const { cluster } = session.identity;
            log.event('link.disconnected', { peer: cluster, reason });
            changed(cluster);
          },
        });

  const roster: Roster = {
    peers: peersOf(
      { records, listeners, pulse, session: (cluster) => sessions?.find(cluster) },
      (source) => {
        progress = source;
      },
    ),
    pulse,
    suggestedName: (peer) => sessions?.find(peer)?.identity.name ?? peer.slice(0, 8),
    observed: (peer) => ({ evidence: pulse(peer).evidence(), lastError: errors.get(peer) }),
    dial(to, expected, signal) {
      if (sessions === undefined) {
        signer.sign(new Uint8Array(0)); // throws FEDERATION_OFF with the reason
        throw new HansaError('FEDERATION_OFF', 'this cluster has no transport');
      }
      const never = new AbortController().signal;
      return sessions.dial(to, expected, signal ?? never);
    },
    linked(peer) {
      const session = sessions?.find(peer);
      const record = records.find(peer);
      if (session === undefined || record === undefined || record.closed) {
        return;
      }
      errors.delete(peer);
      log.event('link.connected', { peer, dialled: session.dialled });
      void pulse(peer).run(session, record.epoch);
      changed(peer);
    },
    ownStanding: (link) => ({
      epoch: link.epoch,
      mine: link.mine,
      confirmed: link.confirmedHere,
      endpoints: needs.ownEndpoints(),
    }),
    async takeStanding(peer, said) {
      await records.update(peer, (link) => withStanding(link, said));
      changed(peer);
    },
    async announce(peer, signal) {
      const session = sessions?.find(peer);
      const record = records.find(peer);
      if (session === undefined || record === undefined) {
        return;
      }
      const wire = remote(linkPeerContract, session.carrier);
      try {
        await roster.takeStanding(
          peer,
          await wire.standing(roster.ownStanding(record), { signal }),
        );
      } catch (error) {
        errors.set(peer, reportOf(error));
        if (isHansaError(error, 'LINK_CLOSED') || isHansaError(error, 'LINK_NOT_FOUND')) {
          session.close('the peer holds no link with us');
        }
      }
    },
    drop(peer, reason) {
      sessions?.find(peer)?.close(reason);
      changed(peer);
    },
    async run(signal) {
      if (sessions === undefined) {
        return;
      }
      sessions.listen();
      const dialling = new Map<ClusterId, Promise<void>>();
      const setPhase = (peer: ClusterId, phase: Phase): void => {
        pulse(peer).phase = phase;
        changed(peer);
      };
      const begin = (): void => {
        for (const { value } of records.links.rows.values()) {
          if (value.mine && !value.closed && !dialling.has(value.peer)) {
            const work = keepDialling({ ...needs, sessions, setPhase, errors }, value.peer, signal);
            dialling.set(
              value.peer,
              work.finally(() => dialling.delete(value.peer)),
            );
          }
        }
      };
      const stop = records.links.subscribe(begin);
      begin();
      await new Promise<void>((resolve) => {
        signal.addEventListener('abort', () => resolve(), { once: true });
      });
      stop();
      sessions.closeAll('the node is stopping');
      await Promise.allSettled(dialling.values());
    },
  };
  return roster;
}

function withStanding(link: LinkRecord, said: Standing): LinkRecord {
  if (said.epoch !== link.epoch) {
    return link; // about an older or newer link between the same clusters
  }
  const endpoints = mergeEndpoints(said.endpoints, link.endpoints);
  const same =
    link.theirs === said.mine &&
    link.confirmedThere === said.confirmed &&
    JSON.stringify(link.endpoints) === JSON.stringify(endpoints);
  return same ? link : { ...link, theirs: said.mine, confirmedThere: said.confirmed, endpoints };
}

function peersOf(
  given: {
    readonly records: LinkRecords;
    readonly listeners: Set<(cluster: ClusterId) => void>;
    pulse(cluster: ClusterId): Pulse;
    session(cluster: ClusterId): PeerSession | undefined;
  },
  setProgressSource: (source: ProgressSource) => void,
): Peers {
  const { records, listeners } = given;
  const standing = (cluster: ClusterId): PeerStanding => {
    const record = records.find(cluster);
    return {
      cluster,
      name: record?.name,
      mine: record?.mine ?? false,
      theirs: record?.theirs ?? false,
      active: record !== undefined && !record.closed && record.confirmedHere,
    };
  };
  const rows = (): LinkRecord[] => [...records.links.rows.values()].map(({ value }) => value);
  return {
    standing,
    all: () =>
      rows()
        .filter((link) => !link.closed)
        .map((link) => standing(link.peer)),
    resolve(nameOrId) {
      const exact = rows().filter((link) => link.name === nameOrId || link.peer === nameOrId);
      const found =
        exact.length > 0 || nameOrId.length < 4
          ? exact
          : rows().filter((link) => link.peer.startsWith(nameOrId));
      const [one, another] = found;
      if (one === undefined || another !== undefined) {
        const how = one === undefined ? 'no link is called' : 'several links begin with';
        throw new HansaError('LINK_NOT_FOUND', `${how} "${nameOrId}"`);
      }
      return standing(one.peer);
    },
    carrier: (cluster) => carrierTo(standing(cluster), given.session(cluster)),
    observer: (cluster) => carrierTo({ ...standing(cluster), mine: true }, given.session(cluster)),
    subscribe(listener) {
      listeners.add(listener);
      return () => listeners.delete(listener);
    },
    connected: (cluster) => given.session(cluster) !== undefined,
    hurry: (cluster) => given.pulse(cluster).hurry(),
    setProgressSource,
    get generation() {
      return records.links.generation;
    },
  };
}

function carrierTo(standing: PeerStanding, session: PeerSession | undefined): Carrier {
  const name = standing.name ?? `${standing.cluster.slice(0, 8)}…`;
  if (standing.name === undefined) {
    throw new HansaError('LINK_NOT_FOUND', `no link to ${name}`);
  }
  if (!standing.active) {
    throw new HansaError('LINK_PENDING', `the link to ${name} is not confirmed here`);
  }
  if (!standing.mine) {
    throw new HansaError('LINK_NOT_OURS', `this cluster serves ${name} and holds no half-link`);
  }
  if (session === undefined) {
    throw new HansaError('LINK_DOWN', `${name} is not connected now`, {
      fix: `hansa link list shows since when and why`,
    });
  }
  return session.carrier;
}

async function keepDialling(
  needs: RosterNeeds & {
    readonly sessions: Sessions;
    readonly errors: Map<ClusterId, ErrorReport>;
    setPhase(peer: ClusterId, phase: Phase): void;
  },
  peer: ClusterId,
  signal: AbortSignal,
): Promise<void> {
  const { sessions, records, clock, random } = needs;
  let waitMs = redialMinMs;
  for (;;) {
    const record = records.find(peer);
    if (signal.aborted || record === undefined || record.closed || !record.mine) {
      return;
    }
    const session = sessions.find(peer) ?? (await tryDial(needs, record, signal));
    if (session === undefined) {
      // Full jitter keeps a hub's thousand leaves from coming back in the same instant.
      await clock.sleep(waitMs * (0.5 + random.fraction()), signal).catch(() => undefined);
      waitMs = Math.min(waitMs * 2, redialMaxMs);
      continue;
    }
    waitMs = redialMinMs;
    await session.closed;
  }
}

async function tryDial(
  needs: RosterNeeds & {
    readonly sessions: Sessions;
    readonly errors: Map<ClusterId, ErrorReport>;
    setPhase(peer: ClusterId, phase: Phase): void;
  },
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
  needs.setPhase(peer, 'none');
  return needs.sessions.find(peer);
}
