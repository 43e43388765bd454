// Takes blame down, keeps quarantined peers from being pulled from, and ourselves from going on
// where it is we who fail.
import {
  createMutex,
  HansaError,
  momentText,
  reportOf,
  splitFederatedId,
  watchedTable,
  type Clock,
  type ClusterId,
  type Codec,
  type FederatedId,
  type KeyValueStore,
  type Log,
  type WatchedTable,
} from '@hansa/foundation';
import type { Peers } from '../links/contract.ts';
import type { MirrorBlame, MirrorPause, Mirrors } from '../sync/contract.ts';
import {
  decayMs,
  peersRememberedMax,
  type Quarantine,
  type Quarantines,
  type SelfSuspicion,
} from './contract.ts';
import { evidenceTable, suspicionTable } from './keys.ts';
import {
  failedTogether,
  isQuarantined,
  stateOf,
  withIncident,
  withoutResource,
  type PeerRecord,
} from './rules.ts';

export interface QuarantineNeeds {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly log: Log;
  readonly peers: Peers;
  readonly mirrors: Mirrors;
}

export interface QuarantineService {
  readonly quarantines: Quarantines;
  /** Why nothing is pulled from the peer now, as a sentence; undefined where it is. */
  reasonOf(peer: ClusterId): string | undefined;
  blame(blame: MirrorBlame): Promise<void>;
  start(signal: AbortSignal): Promise<void>;
}

export function createQuarantines(needs: QuarantineNeeds): QuarantineService {
  const { mirrors, log, clock } = needs;
  const keeper = createKeeper(needs);
  const blame = (blamed: MirrorBlame): Promise<void> => keeper.blame(blamed);
  const reasonOf = (peer: ClusterId): string | undefined => {
    const record = keeper.find(peer);
    return record === undefined || !isQuarantined(record, clock.now())
      ? undefined
      : `quarantined until ${momentText(record.untilMs ?? 0)}: what it sent was bad`;
  };
  mirrors.oversee({
    pause: (resource) => pauseOf(needs, keeper, resource),
    avoid: (peer) => reasonOf(peer) !== undefined,
    blamed(blamed) {
      blame(blamed).catch((error: unknown) =>
        log.problem('quarantine.unwritten', error, { peer: blamed.peer }),
      );
    },
  });
  return {
    blame,
    reasonOf,
    quarantines: asked(needs, keeper),
    start: (signal) => keeper.start(signal),
  };
}

interface Keeper {
  all(): readonly PeerRecord[];
  find(peer: ClusterId): PeerRecord | undefined;
  doubts(): readonly SelfSuspicion[];
  doubt(resource: FederatedId): SelfSuspicion | undefined;
  blame(blamed: MirrorBlame): Promise<void>;
  liftPeer(peer: ClusterId): Promise<void>;
  liftMirror(resource: FederatedId): Promise<void>;
  start(signal: AbortSignal): Promise<void>;
}

/** What is kept, and written one after the other. */
interface Kept extends QuarantineNeeds {
  readonly evidence: ReturnType<typeof evidenceTable>;
  readonly suspicions: ReturnType<typeof suspicionTable>;
  readonly records: WatchedTable<PeerRecord>;
  readonly doubted: WatchedTable<SelfSuspicion>;
}

function createKeeper(needs: QuarantineNeeds): Keeper {
  const { store, codec, clock, log, mirrors } = needs;
  const evidence = evidenceTable(store, codec);
  const suspicions = suspicionTable(store, codec);
  const records = watchedTable(store, evidence);
  const doubted = watchedTable(store, suspicions);
  const kept: Kept = { ...needs, evidence, suspicions, records, doubted };
  // All blame comes by the node that follows mirrors: one after the other is enough.
  const oneByOne = createMutex();
  return {
    all: () => allOf(kept),
    find: (peer) => records.find(peer)?.value,
    doubts: () => [...doubted.rows.values()].map(({ value }) => value),
    doubt: (resource) => doubted.find(resource)?.value,
    blame: (blamed) => oneByOne.run(() => takeDown(kept, blamed)),
    liftPeer: (peer) =>
      oneByOne.run(async () => {
        const record = records.find(peer)?.value;
        if (record !== undefined) {
          await write(kept, [{ ...record, untilMs: undefined, liftedMs: clock.now() }]);
          log.event('quarantine.lifted', { peer });
          wakeAll(kept, peer);
        }
      }),
    liftMirror: (resource) =>
      oneByOne.run(async () => {
        const { revision } = await store.batchWrite([suspicions.delete([resource])]);
        await doubted.reached(revision);
        log.event('quarantine.lifted', { resource });
        mirrors.wake(resource);
      }),
    async start(signal) {
      await Promise.all([records.start(signal, clock), doubted.start(signal, clock)]);
    },
  };
}

function allOf({ records }: Kept): readonly PeerRecord[] {
  return [...records.rows.values()].map(({ value }) => value);
}

async function write(kept: Kept, changed: readonly PeerRecord[]): Promise<void> {
  const { store, evidence, records, clock } = kept;
  const dropped = overBound(allOf(kept), changed, clock.now());
  const ops = [
    ...changed.map((record) => evidence.put([record.peer], record)),
    ...dropped.map(({ peer }) => evidence.delete([peer])),
  ];
  if (ops.length > 0) {
    const { revision } = await store.batchWrite(ops);
    await records.reached(revision);
  }
}

function wakeAll({ mirrors }: Kept, peer: ClusterId): void {
  for (const { owner, resource } of mirrors.all()) {
    if (owner === peer) {
      mirrors.wake(resource);
    }
  }
}

async function takeDown(kept: Kept, blamed: MirrorBlame): Promise<void> {
  const { clock, log, records } = kept;
  const { peer, resource, answersAs, error } = blamed;
  const before = records.find(peer)?.value ?? { peer, incidents: [] };
  const nowMs = clock.now();
  const after = withIncident(before, { resource, answersAs, error: reportOf(error) }, nowMs);
  await write(kept, [after]);
  log.problem('quarantine.blamed', error, { peer, resource, answersAs });
  const together = failedTogether(allOf(kept), resource, nowMs);
  if (together.length > 0) {
    await suspectOurselves(kept, blamed, together);
  } else if (isQuarantined(after, nowMs) && !isQuarantined(before, nowMs)) {
    log.event('quarantine.begun', { peer });
    wakeAll(kept, peer);
  }
}

async function suspectOurselves(
  kept: Kept,
  { resource }: MirrorBlame,
  sources: readonly ClusterId[],
): Promise<void> {
  const { clock, store, suspicions, doubted, records, log, mirrors } = kept;
  const nowMs = clock.now();
  const theirs = sources.flatMap((peer) => records.find(peer)?.value ?? []);
  const errors = theirs.flatMap(({ incidents }) =>
    incidents.filter((each) => each.resource === resource).map(({ error }) => error),
  );
  const doubt: SelfSuspicion = {
    resource,
    sources,
    sinceMs: nowMs,
    untilMs: nowMs + decayMs,
    errors: errors.slice(0, sources.length),
  };
  const { revision } = await store.batchWrite([suspicions.put([resource], doubt)]);
  await doubted.reached(revision);
  // Whoever failed together with others has not failed.
  await write(
    kept,
    theirs.map((record) => withoutResource(record, resource, nowMs)),
  );
  log.problem('quarantine.ourselves', suspected(doubt), { resource });
  mirrors.wake(resource);
}

/** What is over longest goes first; who is quarantined now stays. */
function overBound(
  kept: readonly PeerRecord[],
  added: readonly PeerRecord[],
  nowMs: number,
): readonly PeerRecord[] {
  const peers = new Set(added.map(({ peer }) => peer));
  const others = kept.filter(({ peer }) => !peers.has(peer));
  const excess = others.length + added.length - peersRememberedMax;
  const newest = ({ incidents }: PeerRecord): number => incidents[0]?.lastMs ?? 0;
  return excess <= 0
    ? []
    : others
        .filter((record) => !isQuarantined(record, nowMs))
        .toSorted((a, b) => newest(a) - newest(b))
        .slice(0, excess);
}

function suspected({ resource, sources }: SelfSuspicion): HansaError {
  return new HansaError(
    'SELF_SUSPECTED',
    `${sources.length} sources of ${resource} failed within a minute: it is more likely that we do`,
    { facts: { resource, sources: sources.map((each) => each.slice(0, 8)).join(', ') } },
  );
}

function pauseOf(
  { clock, peers }: QuarantineNeeds,
  keeper: Keeper,
  resource: FederatedId,
): MirrorPause | undefined {
  const nowMs = clock.now();
  const doubt = keeper.doubt(resource);
  if (doubt !== undefined && doubt.untilMs > nowMs && doubt.untilMs <= nowMs + decayMs) {
    return { state: 'halted', error: suspected(doubt), untilMs: doubt.untilMs };
  }
  const { owner } = splitFederatedId(resource);
  const record = keeper.find(owner);
  if (record === undefined || !isQuarantined(record, nowMs)) {
    return undefined;
  }
  const name = peers.standing(owner).name ?? owner.slice(0, 8);
  const sentence = `${name} is quarantined until ${momentText(record.untilMs ?? 0)}`;
  const fix =
    `hansa quarantine show ${name} has the evidence; hansa quarantine lift ` + `${name} ends it`;
  const error = new HansaError('PEER_QUARANTINED', sentence, { fix, facts: { peer: owner } });
  return { state: 'waiting', error, untilMs: record.untilMs };
}

function asked(needs: QuarantineNeeds, keeper: Keeper): Quarantines {
  const { clock, peers, mirrors } = needs;
  const shown = (record: PeerRecord): Quarantine => {
    const { peer, incidents, untilMs, liftedMs } = record;
    const state = stateOf(record, clock.now());
    const peerName = peers.standing(peer).name ?? peer.slice(0, 8);
    const until = state === 'quarantined' ? untilMs : undefined;
    return { peer, peerName, state, untilMs: until, liftedMs, incidents };
  };
  const require = (peer: ClusterId): Quarantine => {
    const record = keeper.find(peer);
    if (record === undefined) {
      throw new HansaError('QUARANTINE_NOT_FOUND', `nothing is held against ${peer.slice(0, 8)}…`);
    }
    return shown(record);
  };
  return {
    async list({ all = false }) {
      const nowMs = clock.now();
      return {
        peers: keeper
          .all()
          .map(shown)
          .filter(({ state }) => all || state !== 'over')
          .toSorted((a, b) => a.peerName.localeCompare(b.peerName)),
        ourselves: keeper.doubts().filter(({ untilMs }) => all || untilMs > nowMs),
      };
    },
    show: async ({ peer }) => require(peers.resolve(peer).cluster),
    async lift({ peerOrMirror }) {
      if (peerOrMirror.includes(':')) {
        const mirror = mirrors.resolve(peerOrMirror);
        if (keeper.doubt(mirror) === undefined) {
          throw new HansaError('QUARANTINE_NOT_FOUND', `nothing keeps ${peerOrMirror} still`);
        }
        await keeper.liftMirror(mirror);
        return { mirror };
      }
      const { cluster } = peers.resolve(peerOrMirror);
      require(cluster);
      await keeper.liftPeer(cluster);
      return { peer: require(cluster) };
    },
  };
}
