// The living half of links put together: who is connected, how each link's pulse is, and what both
// sides last said of their standing.
import {
  aborted,
  HansaError,
  isHansaError,
  remote,
  reportOf,
  type ClusterId,
  type ErrorReport,
  type NodeId,
} from '@hansa/foundation';
import { createPulse, type Phase, type Pulse } from './beats.ts';
import type { AddressBook, Meeting, ProgressSource, Reaching } from './contract.ts';
import { beginDialling, type Dialling } from './dialling.ts';
import type { LinkRecord } from './keys.ts';
import type { Roster, RosterNeeds } from './parts.ts';
import { createPeers } from './peers.ts';
import { createPlanes } from './planes.ts';
import { mergeEndpoints } from './records.ts';
import { createSessions, type Sessions } from './sessions.ts';
import { linkPeerContract, spokenIn, type Standing } from './wire.ts';

/** What is known of peers while the process lives; all of it can be learned again. */
interface Living extends RosterNeeds {
  readonly pulses: Map<ClusterId, Pulse>;
  /** Why the last try to be linked failed, until one has not. */
  readonly errors: Map<ClusterId, ErrorReport>;
  /** Since when there is no link: a peer that greets and refuses does not end that. */
  readonly downSinceMs: Map<ClusterId, number>;
  readonly listeners: Set<(cluster: ClusterId) => void>;
  progress: ProgressSource;
  book: AddressBook;
  /** Undefined while links are not kept. */
  dialling: Dialling | undefined;
  /** Undefined where federation is off. */
  sessions: Sessions | undefined;
}

const noProgress: ProgressSource = {
  held: () => ({ root: new Uint8Array(32), missing: 0 }),
  judge: async () => ({ behind: 0, diverged: 0 }),
};

export function createRoster(needs: RosterNeeds): Roster {
  const living: Living = {
    ...needs,
    pulses: new Map(),
    errors: new Map(),
    downSinceMs: new Map(),
    listeners: new Set(),
    progress: noProgress,
    book: { endpoints: () => [] },
    dialling: undefined,
    sessions: undefined,
  };
  living.sessions = sessionsOf(living);
  needs.trust.subscribe((peer) => judged(living, peer));
  needs.keys.subscribe((peer) => keyed(living, peer));
  return {
    peers: createPeers({
      records: needs.records,
      trust: needs.trust,
      listeners: living.listeners,
      pulse: (peer) => pulseOf(living, peer),
      session: (peer) => living.sessions?.find(peer),
      setProgressSource: (source) => {
        living.progress = source;
      },
    }),
    reaching: reachingOf(living),
    pulse: (peer) => pulseOf(living, peer),
    roads: (peer) => living.sessions?.find(peer)?.roads,
    serves(peer) {
      const session = living.sessions?.find(peer);
      return session === undefined ? undefined : spokenIn(session.hello);
    },
    suggestedName: (peer) => living.sessions?.find(peer)?.identity.name ?? peer.slice(0, 8),
    observed: (peer) => ({
      evidence: pulseOf(living, peer).evidence(),
      lastError: living.errors.get(peer),
      downSinceMs: living.downSinceMs.get(peer),
    }),
    async dial(to, expected, signal) {
      const never = new AbortController().signal;
      return requireSessions(living).dial(to, expected, signal ?? never);
    },
    linked: (peer) => linked(living, peer),
    announce: (peer, signal) => announce(living, peer, signal),
    ownStanding: (link) => ownStanding(living, link),
    takeStanding: (peer, said) => takeStanding(living, peer, said),
    drop(peer, reason) {
      living.sessions?.find(peer)?.close(reason);
      changed(living, peer);
    },
    run: (signal) => run(living, signal),
  };
}

function sessionsOf(living: Living): Sessions | undefined {
  const { transport, records, log } = living;
  if (transport === undefined) {
    return undefined;
  }
  const planes = createPlanes({
    ...living,
    limits: living.planeLimits,
    epochOf(peer) {
      const record = records.find(peer);
      return record?.closed === false ? record.epoch : undefined;
    },
    hintsOf: (peer, node) => hintsOf(living, peer, node),
  });
  return createSessions({
    ...living,
    transport,
    planes,
    isLinked: (cluster) => records.find(cluster)?.closed === false,
    opened({ identity, dialled }) {
      if (!dialled) {
        living.dialling?.retry(identity.cluster); // its loop waits for this session's end instead
      }
      linked(living, identity.cluster);
      void announce(living, identity.cluster);
    },
    ended({ identity }, reason) {
      log.event('link.disconnected', { peer: identity.cluster, reason });
      lost(living, identity.cluster, reason);
      changed(living, identity.cluster);
    },
  });
}

/** Until the next dial has failed, how the connection ended is why there is none. */
function lost({ records, errors, downSinceMs, clock }: Living, peer: ClusterId, why: string): void {
  if (records.find(peer)?.closed !== false) {
    return;
  }
  if (!downSinceMs.has(peer)) {
    downSinceMs.set(peer, clock.now());
  }
  if (!errors.has(peer)) {
    errors.set(peer, reportOf(new HansaError('CONNECTION_CLOSED', why)));
  }
}

/** What a blocked cluster has open ends at once; one that is not blocked any more is dialled. */
function judged(living: Living, peer: ClusterId): void {
  if (living.trust.level(peer) === 'blocked') {
    living.sessions?.find(peer)?.close('the cluster is blocked here');
  } else {
    living.dialling?.retry(peer);
  }
  changed(living, peer);
}

/** Of whom two records claim one step of its keys, nobody can tell who is connected. */
function keyed(living: Living, peer: ClusterId): void {
  if (living.keys.blocked(peer)) {
    living.sessions?.find(peer)?.close('two records claim one step of its keys');
  }
  if (living.records.find(peer) !== undefined) {
    changed(living, peer);
  }
}

function reachingOf(living: Living): Reaching {
  return {
    setAddressBook(book) {
      living.book = book;
    },
    retry: (peer) => living.dialling?.retry(peer),
    carrier: (peer) => living.sessions?.find(peer)?.carrier,
    ownEndpoints: () => living.ownEndpoints(),
    async meet(to, expected, signal) {
      const session = await requireSessions(living).dial(to, expected, signal);
      const meeting: Meeting = {
        carrier: session.carrier,
        leave() {
          if (living.records.find(expected)?.closed !== false) {
            session.close('nothing more to say');
          }
        },
      };
      return meeting;
    },
  };
}

/** Where that node is reached: as it was told, and as it was found. */
function hintsOf({ records, book }: Living, peer: ClusterId, node: NodeId): readonly string[] {
  const endpoints = [...(records.find(peer)?.endpoints ?? []), ...book.endpoints(peer)];
  return endpoints.flatMap((each) => (each.node === node ? each.addresses : []));
}

function requireSessions({ sessions, signer }: Living): Sessions {
  if (sessions === undefined) {
    signer.sign(new Uint8Array(0)); // throws FEDERATION_OFF with the reason
    throw new HansaError('FEDERATION_OFF', 'this cluster has no transport');
  }
  return sessions;
}

function changed({ listeners }: Living, cluster: ClusterId): void {
  for (const listener of listeners) {
    listener(cluster);
  }
}

function pulseOf(living: Living, peer: ClusterId): Pulse {
  const { pulses, clock, random, log } = living;
  const held = pulses.get(peer);
  if (held !== undefined) {
    return held;
  }
  const made = createPulse({
    clock,
    random,
    log,
    peer,
    progress: () => living.progress,
    changed: () => changed(living, peer),
  });
  pulses.set(peer, made);
  return made;
}

function linked(living: Living, peer: ClusterId): void {
  const { sessions, records, log } = living;
  const session = sessions?.find(peer);
  const record = records.find(peer);
  if (session === undefined || record === undefined || record.closed) {
    return;
  }
  living.keys.met(peer, session.hello.instance);
  living.keys
    .learn(session.identity.keyLog)
    .catch((error: unknown) => log.problem('link.keys-unkept', error, { peer }));
  log.event('link.connected', { peer, dialled: session.dialled });
  pulseOf(living, peer)
    .run(session, record.epoch)
    .catch((error: unknown) => log.problem('link.pulse-failed', error, { peer }));
  changed(living, peer);
}

async function announce(living: Living, peer: ClusterId, signal?: AbortSignal): Promise<void> {
  const session = living.sessions?.find(peer);
  const record = living.records.find(peer);
  // Of a link that ended there is nothing to say: the peer may be here to make a new one.
  if (session === undefined || record === undefined || record.closed) {
    return;
  }
  const wire = remote(linkPeerContract, session.carrier);
  try {
    const said = await wire.standing(ownStanding(living, record), { signal });
    await takeStanding(living, peer, said);
  } catch (error) {
    living.errors.set(peer, reportOf(error));
    if (isHansaError(error, 'LINK_CLOSED') || isHansaError(error, 'LINK_NOT_FOUND')) {
      session.close('the peer holds no link with us');
    }
  }
}

function ownStanding({ ownEndpoints }: Living, link: LinkRecord): Standing {
  return {
    epoch: link.epoch,
    mine: link.mine,
    confirmed: link.confirmedHere,
    endpoints: ownEndpoints(),
  };
}

async function takeStanding(living: Living, peer: ClusterId, said: Standing): Promise<void> {
  await living.records.update(peer, (link) => withStanding(link, said));
  // A connection alone is no link: a peer that has closed it takes connections all the same.
  living.errors.delete(peer);
  living.downSinceMs.delete(peer);
  changed(living, peer);
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

async function run(living: Living, signal: AbortSignal): Promise<void> {
  const { sessions } = living;
  if (sessions === undefined) {
    return;
  }
  for (const { value } of living.records.links.rows.values()) {
    living.downSinceMs.set(value.peer, living.clock.now()); // what was before, nobody has seen
  }
  sessions.listen();
  const setPhase = (peer: ClusterId, phase: Phase): void => {
    pulseOf(living, peer).phase = phase;
    changed(living, peer);
  };
  const book = (): AddressBook => living.book;
  const dialling = beginDialling({ ...living, sessions, setPhase, book }, signal);
  living.dialling = dialling;
  await aborted(signal);
  living.dialling = undefined;
  sessions.closeAll('the node is stopping');
  await dialling.ended();
}
