// Everything that is found out about one link before anything is made of it: here, over the link,
// and by asking the peer. What cannot be found out is an error among the facts.
import {
  deadline,
  HansaError,
  remote,
  reportOf,
  spokenBy,
  type AnyContract,
  type Carrier,
  type Clock,
  type ClusterId,
  type Codec,
  type ErrorReport,
  type KeyValueStore,
  type Random,
  type Transport,
} from '@hansa/foundation';
import type { Identity, KeyBook, Profile, Signer } from '../identity/contract.ts';
import type { Link, Links, Peers, Reaching } from '../links/contract.ts';
import type { Mirror, Mirrors } from '../sync/contract.ts';
import type { Check, Finding } from './contract.ts';
import { checkedTable } from './keys.ts';
import { tryToReach, type Reach } from './reaching.ts';
import { doctorPeerContract, probeBytesMax, type PeerView } from './wire.ts';

const answerMs = 12_000; // the peer dials back within five seconds, and beats come in between

export interface DoctorNeeds {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly clock: Clock;
  readonly random: Random;
  /** Absent where federation is off. */
  readonly transport: Transport | undefined;
  readonly signer: Signer;
  readonly keys: Pick<KeyBook, 'present'>;
  readonly identity: Pick<Identity, 'show'>;
  readonly links: Pick<Links, 'list' | 'show'>;
  readonly peers: Peers;
  readonly reaching: Pick<Reaching, 'carrier'>;
  readonly mirrors: Pick<Mirrors, 'all'>;
  readonly facts: { readonly version: string; freeBytes?(): number | undefined };
  /** Ways of finding clusters that are on, by name. */
  readonly ways: readonly string[];
  /** What peers may call here. */
  contracts(): readonly AnyContract[];
  /** What is ours and behind its own past: it publishes nothing. */
  rewound(): readonly ErrorReport[];
  readonly checks: readonly Check[];
}

export type Answer<T> =
  | { readonly value: T; readonly error?: undefined }
  | { readonly value?: undefined; readonly error: ErrorReport };

export interface Probe {
  readonly offsetMs: number;
  readonly tookMs: number;
  readonly arrived: boolean;
  readonly bytes: number;
  /** By the peer's clock, when it answered. */
  readonly theirMs: number;
}

/** What the checks of a link are made of. */
export interface LinkFacts {
  readonly link: Link;
  readonly connected: boolean;
  readonly blocked: boolean;
  /** Undefined where it is connected, or there is nothing to dial with. */
  readonly reach: Reach | undefined;
  readonly probe: Answer<Probe>;
  readonly view: Answer<PeerView>;
  readonly mirrors: readonly Mirror[];
  readonly spoken: Readonly<Record<string, { readonly min: number; readonly max: number }>>;
  readonly ownKeyIndex: number;
  readonly added: readonly Finding[];
}

export interface NodeFacts {
  readonly profile: Profile;
  readonly nowMs: number;
  readonly store: Answer<number>;
  readonly freeBytes: number | undefined;
  readonly addresses: readonly string[];
  readonly ways: readonly string[];
  readonly rewound: readonly ErrorReport[];
  readonly added: readonly Finding[];
}

export async function lookAtNode(needs: DoctorNeeds): Promise<NodeFacts> {
  const { identity, clock, facts, ways, checks, transport } = needs;
  return {
    profile: await identity.show({}),
    nowMs: clock.now(),
    store: await tryStore(needs),
    freeBytes: facts.freeBytes?.(),
    addresses: transport?.addresses() ?? [],
    ways,
    rewound: needs.rewound(),
    added: (await Promise.all(checks.map((check) => check.look(undefined)))).flat(),
  };
}

/** How long a write took that is on the disk. */
export async function tryStore({
  store,
  codec,
  clock,
}: Pick<DoctorNeeds, 'store' | 'codec' | 'clock'>): Promise<Answer<number>> {
  const begunMs = clock.monotonicMs();
  try {
    const row = checkedTable(store, codec).put([], { checkedMs: clock.now() });
    await store.batchWrite([row]);
    return { value: Math.round(clock.monotonicMs() - begunMs) };
  } catch (error) {
    return { error: reportOf(error) };
  }
}

export async function lookAtLink(
  needs: DoctorNeeds,
  peer: ClusterId,
  signal: AbortSignal | undefined,
): Promise<LinkFacts> {
  const { links, peers, mirrors, signer, transport, clock } = needs;
  const link = await links.show({ peer });
  const connected = peers.connected(peer);
  const reach =
    connected || transport === undefined || link.status === 'closed'
      ? undefined
      : await tryToReach({ transport, clock }, link.endpoints, signal);
  return {
    link,
    connected,
    blocked: peers.standing(peer).trust === 'blocked',
    reach,
    probe: await within(needs, signal, (limit) => probePeer(needs, peer, limit)),
    view: await within(needs, signal, (limit) =>
      remote(doctorPeerContract, carrierTo(needs, peer)).examine({}, { signal: limit }),
    ),
    mirrors: mirrors.all().filter(({ owner }) => owner === peer),
    spoken: spokenBy(needs.contracts()),
    ownKeyIndex: signer.keyIndex,
    added: (await Promise.all(needs.checks.map((check) => check.look(peer)))).flat(),
  };
}

/** Also of a link that waits for its words; LINK_DOWN, CLUSTER_BLOCKED where there is none. */
function carrierTo({ reaching, peers }: DoctorNeeds, peer: ClusterId): Carrier {
  return reaching.carrier(peer) ?? peers.observer(peer);
}

async function within<T>(
  { clock }: DoctorNeeds,
  signal: AbortSignal | undefined,
  ask: (limit: AbortSignal) => Promise<T>,
): Promise<Answer<T>> {
  const limit = deadline(clock, answerMs, {
    reason: () => new HansaError('TIMED_OUT', `the peer did not answer within ${answerMs} ms`),
    signal,
  });
  try {
    return { value: await ask(limit.signal) };
  } catch (error) {
    return { error: reportOf(error) };
  } finally {
    limit.done();
  }
}

async function probePeer(needs: DoctorNeeds, peer: ClusterId, signal: AbortSignal): Promise<Probe> {
  const { clock, random } = needs;
  const wire = remote(doctorPeerContract, carrierTo(needs, peer));
  const ask = async (
    bytes: number,
  ): Promise<{ receivedBytes: number; nowMs: number; offsetMs: number; tookMs: number }> => {
    const sentMs = clock.now();
    const begunMs = clock.monotonicMs();
    const { receivedBytes, nowMs } = await wire.probe({ payload: random.bytes(bytes) }, { signal });
    const tookMs = clock.monotonicMs() - begunMs;
    return { receivedBytes, nowMs, offsetMs: Math.round(nowMs - sentMs - tookMs / 2), tookMs };
  };
  // The small one measures, the large one tries the path.
  const small = await ask(16);
  const large = await ask(probeBytesMax);
  return {
    offsetMs: small.offsetMs,
    tookMs: Math.round(small.tookMs),
    arrived: large.receivedBytes === probeBytesMax,
    bytes: large.receivedBytes,
    theirMs: large.nowMs,
  };
}
