// What links are made of: what a host hands in, and the two halves they are put together from, the
// durable records and the living roster.
import type {
  Clock,
  ClusterId,
  Codec,
  Crypto,
  Edge,
  ErrorReport,
  KeyValueStore,
  Log,
  Random,
  Spoken,
  Transport,
} from '@hansa/foundation';
import type { KeyBook, Signer } from '../identity/contract.ts';
import type { Forecast } from '../policies/contract.ts';
import type { TrustLevels } from '../trust/contract.ts';
import type { Pulse } from './beats.ts';
import type { Endpoint, Peers, Reaching } from './contract.ts';
import type { LinkRecord } from './keys.ts';
import type { LinkEvidence } from './link-state.ts';
import type { LinkRecords } from './records.ts';
import type { DataPlane } from './planes-driver.ts';
import type { PlaneLimits } from './planes-road.ts';
import type { PeerSession } from './sessions.ts';
import type { Standing } from './wire.ts';

export interface LinksNeeds {
  readonly store: KeyValueStore;
  readonly codec: Codec;
  readonly crypto: Crypto;
  readonly clock: Clock;
  readonly random: Random;
  readonly log: Log;
  readonly signer: Signer;
  /** What a peer has proven of its keys is kept here. */
  readonly keys: KeyBook;
  /** Absent where federation is off. */
  readonly transport: Transport | undefined;
  /** Absent where bulk stays on the link. */
  readonly plane?: DataPlane | undefined;
  readonly planeLimits?: Partial<PlaneLimits> | undefined;
  /** What peers may call here, of all capabilities. */
  readonly edge: Edge;
  /** Whoever is blocked is not spoken with. */
  readonly trust: TrustLevels;
  /** What another standing of a peer would give and take, as policy says. */
  readonly forecast: Forecast;
  /** What besides the link itself keeps a peer from being used, as a sentence. */
  remark?(peer: ClusterId): string | undefined;
}

export interface RosterNeeds extends LinksNeeds {
  readonly records: LinkRecords;
  ownEndpoints(): readonly Endpoint[];
}

export interface Roster {
  readonly peers: Peers;
  readonly reaching: Reaching;
  observed(peer: ClusterId): {
    readonly evidence: Omit<LinkEvidence, 'confirmed'>;
    readonly lastError: ErrorReport | undefined;
    /** Undefined while there is a link. */
    readonly downSinceMs: number | undefined;
  };
  pulse(peer: ClusterId): Pulse;
  /** While it is connected. */
  roads(peer: ClusterId): PeerSession['roads'];
  /** What it answers, as its hello said; undefined while it is not connected. */
  serves(peer: ClusterId): Spoken | undefined;
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

export interface LinksParts extends RosterNeeds {
  readonly roster: Roster;
}
