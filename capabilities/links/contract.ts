// Which clusters this one is linked to, and how each link fares.
import {
  clusterIdSchema,
  errorReportSchema,
  nameLengthMax,
  nodeIdSchema,
  spokenSchema,
  type Call,
  type Carrier,
  type ClusterId,
  type Contract,
  type ErrorReport,
  type NodeId,
  type Spoken,
} from '@hansa/foundation';
import { z } from 'zod';
import { keyForkSchema, type KeyFork } from '../identity/contract.ts';
import { planSchema, type Plan } from '../policies/contract.ts';
import { labelsSchema } from '../resources/contract.ts';
import { roadViewSchema, type RoadView } from './planes-view.ts';

export { ticketBytes } from './planes-driver.ts';
export type { BytesMoved } from './planes-view.ts';

export type { Peers, PeerStanding, ProgressSource } from './standing.ts';

export const inviteTtlDefaultMs = 900_000; // long enough to walk to another desk, too short to leak
export const inviteTtlMaxMs: number = 7 * 24 * 3_600_000; // a token is not a standing door
// a month: so long a token that went wrong is still told apart from one that never was
export const inviteKeptMs: number = 30 * 24 * 3_600_000;
export const invitesOpenMax = 256; // each is a door; more than this is a mistake in a script
export const linksMax = 1_024; // every link costs a beat every two seconds
export const endpointsMax = 16; // nodes of one peer that a link keeps
export const addressesMax = 8; // hints per node

/**
 * `pending` waits for check words; `connecting` and `handshaking` are on the way; `syncing` waits
 * for the first beat. The next five come from proof of progress, never from a socket. `blocked`
 * gets nothing, whatever was agreed; `closed` is ended by us.
 */
export type LinkStatus =
  | 'pending'
  | 'connecting'
  | 'handshaking'
  | 'syncing'
  | 'live'
  | 'idle'
  | 'stalled'
  | 'diverged'
  | 'blind'
  | 'disconnected'
  | 'blocked'
  | 'closed';

export interface Endpoint {
  readonly node: NodeId;
  /** `host:port` hints; the key is the name. */
  readonly addresses: readonly string[];
}

export interface Link {
  readonly peer: ClusterId;
  /** Ours for them: unique here; what they call themselves is only a suggestion. */
  readonly name: string;
  readonly status: LinkStatus;
  /** Why the status is not better, as a sentence. */
  readonly reason?: string | undefined;
  /** We hold a half-link: we may dial, pull and mirror. */
  readonly mine: boolean;
  /** They hold one. */
  readonly theirs: boolean;
  /** Rises with every new link between the same clusters. */
  readonly epoch: number;
  /** To be compared by people, on both sides. */
  readonly checkWords: string;
  readonly confirmedHere: boolean;
  readonly confirmedThere: boolean;
  readonly endpoints: readonly Endpoint[];
  /** What we have written on it; rules may speak of it, the peer never learns of it. */
  readonly labels: Readonly<Record<string, string>>;
  readonly createdMs: number;
  /** Since the last beat of the peer. */
  readonly silentMs?: number | undefined;
  /** Resources that are behind, over both directions. */
  readonly missing?: number | undefined;
  /** Two records of the peer for one step of its keys, as they were signed. */
  readonly keyFork?: KeyFork | undefined;
  readonly lastError?: ErrorReport | undefined;
  /** While it is connected. */
  readonly state?: RoadView | undefined;
  readonly bulk?: RoadView | undefined;
  /** Which contracts it answers, in which versions; also those that nobody here knows. */
  readonly serves?: Spoken | undefined;
}

export interface Invitation {
  readonly id: string;
  readonly token: string;
  readonly expiresMs: number;
  readonly serveOnly: boolean;
}

/** What a token says and why it would fail now. */
export interface TokenReport {
  readonly cluster: ClusterId;
  readonly name: string;
  readonly endpoints: readonly Endpoint[];
  readonly expiresMs: number;
  readonly serveOnly: boolean;
  readonly usable: boolean;
  /** As far as this cluster can tell: an inviter knows more than a stranger. */
  readonly problem?: ErrorReport | undefined;
  readonly usedBy?: ClusterId | undefined;
  readonly usedMs?: number | undefined;
}

/** One of the first checks that `accept` runs against the inviter. */
export interface DoctorCheck {
  readonly check: 'reachability' | 'clock' | 'protocol' | 'frame size';
  readonly passed: boolean;
  readonly finding: string;
}

export interface Acceptance {
  readonly link: Link;
  readonly checks: readonly DoctorCheck[];
}

export interface Labelling {
  readonly peer: string;
  readonly set?: Readonly<Record<string, string>> | undefined;
  readonly wipe?: readonly string[] | undefined;
}

/** Which clusters this one talks to. */
export interface Links {
  /** Makes a single-use token, and our half-link for whoever redeems it (unless `serveOnly`). */
  invite(
    input: {
      ttlMs?: number | undefined;
      serveOnly?: boolean | undefined;
      confirm?: boolean | undefined;
    },
    call?: Call,
  ): Promise<Invitation>;
  /** Withdraws a token that nobody has redeemed yet. */
  revoke(input: { id: string }, call?: Call): Promise<{ id: string }>;
  /**
   * Redeems a token: dials the inviter, makes our half-link (unless `serveOnly`), stays pending.
   */
  accept(
    input: {
      token: string;
      serveOnly?: boolean | undefined;
      confirm?: boolean | undefined;
      name?: string | undefined;
    },
    call?: Call,
  ): Promise<Acceptance>;
  /** Says that the check words are the same on the other side. */
  confirm(input: { peer: string; words?: string | undefined }, call?: Call): Promise<Link>;
  inspect(input: { token: string }, call?: Call): Promise<TokenReport>;
  list(input: Record<string, never>, call?: Call): Promise<{ links: readonly Link[] }>;
  show(input: { peer: string }, call?: Call): Promise<Link>;
  /** Ends the link here; always works, also when the peer is away. */
  close(input: { peer: string }, call?: Call): Promise<{ link: Link }>;
  /** Writes labels on a link, and wipes some off; what rules say of them holds at once. */
  label(input: Labelling, call?: Call): Promise<Link>;
  /** What that would give and take. */
  planLabels(input: Labelling, call?: Call): Promise<Plan>;
  /** Every change of a link's status, from now on. */
  changes(input: Record<string, never>, call?: Call): AsyncIterable<Link>;
}

// ---- in process, for other capabilities ----

/** Where peers may be besides what they told: found, not trusted; dialling proves the key. */
export interface AddressBook {
  endpoints(peer: ClusterId): readonly Endpoint[];
}

/** A cluster that was dialled on purpose, linked or not. */
export interface Meeting {
  readonly carrier: Carrier;
  /** Leaves again; a link that is up by it stays up. */
  leave(): void;
}

/** Getting to clusters, for whoever finds them. */
export interface Reaching {
  /** Asked before every dial of a linked peer. */
  setAddressBook(book: AddressBook): void;
  /** Something new is known of where the peer is: dial it now, not when its wait is over. */
  retry(peer: ClusterId): void;
  /** DIAL_FAILED, FEDERATION_OFF, LINK_TOKEN_WRONG_CLUSTER where somebody else answers. */
  meet(to: Endpoint, expected: ClusterId, signal: AbortSignal): Promise<Meeting>;
  /** The connection that is up, also before words were compared: for what opens nothing. */
  carrier(peer: ClusterId): Carrier | undefined;
  /** Where this node is reached; empty where federation is off. */
  ownEndpoints(): readonly Endpoint[];
}

export const endpointSchema: z.ZodType<Endpoint> = z.object({
  node: nodeIdSchema,
  addresses: z.array(z.string().max(256)).max(addressesMax),
});
const link: z.ZodType<Link> = z.object({
  peer: clusterIdSchema,
  name: z.string(),
  status: z.enum([
    'pending',
    'connecting',
    'handshaking',
    'syncing',
    'live',
    'idle',
    'stalled',
    'diverged',
    'blind',
    'disconnected',
    'blocked',
    'closed',
  ]),
  reason: z.string().optional(),
  mine: z.boolean(),
  theirs: z.boolean(),
  epoch: z.number(),
  checkWords: z.string(),
  confirmedHere: z.boolean(),
  confirmedThere: z.boolean(),
  endpoints: z.array(endpointSchema),
  labels: labelsSchema,
  createdMs: z.number(),
  silentMs: z.number().optional(),
  missing: z.number().optional(),
  keyFork: keyForkSchema.optional(),
  lastError: errorReportSchema.optional(),
  state: roadViewSchema.optional(),
  bulk: roadViewSchema.optional(),
  serves: spokenSchema.optional(),
});
const nothing = z.strictObject({});
// after as many rotations as there may be, a token carries all of their records
const token = z.string().min(1).max(65_536);
const toPeer = z.strictObject({ peer: z.string().min(1).max(nameLengthMax) });
const ofPeer = (input: { readonly peer: string }): string => input.peer;
const labelling: z.ZodType<Labelling> = z.strictObject({
  peer: z.string().min(1).max(nameLengthMax),
  set: labelsSchema.optional(),
  wipe: z.array(z.string().min(1).max(64)).max(32).optional(),
});
const tokenReport: z.ZodType<TokenReport> = z.object({
  cluster: clusterIdSchema,
  name: z.string(),
  endpoints: z.array(endpointSchema),
  expiresMs: z.number(),
  serveOnly: z.boolean(),
  usable: z.boolean(),
  problem: errorReportSchema.optional(),
  usedBy: clusterIdSchema.optional(),
  usedMs: z.number().optional(),
});

export const linksContract: Contract<Links> = {
  name: 'links',
  version: 1,
  methods: {
    invite: {
      summary: 'Makes a single-use token with which another cluster links to this one.',
      permission: 'links.write',
      route: 'POST /links/invitations',
      input: z.strictObject({
        ttlMs: z.number().int().min(1_000).max(inviteTtlMaxMs).optional(),
        serveOnly: z.boolean().optional(),
        confirm: z.boolean().optional(),
      }),
      output: z.object({
        id: z.string(),
        token: z.string(),
        expiresMs: z.number(),
        serveOnly: z.boolean(),
      }),
      errors: ['FEDERATION_OFF', 'LINKS_FULL'],
    },
    revoke: {
      summary: 'Withdraws a token that nobody has redeemed yet.',
      permission: 'links.write',
      route: 'DELETE /links/invitations/:id',
      input: z.strictObject({ id: z.string().min(1).max(64) }),
      about: ({ id }) => `invitation:${id}`,
      output: z.object({ id: z.string() }),
      errors: ['LINK_TOKEN_UNKNOWN', 'LINK_TOKEN_USED'],
    },
    accept: {
      summary: 'Redeems a token: links this cluster to the one that made it.',
      permission: 'links.write',
      route: 'POST /links',
      input: z.strictObject({
        token,
        serveOnly: z.boolean().optional(),
        confirm: z.boolean().optional(),
        name: z.string().min(1).max(nameLengthMax).optional(),
      }),
      about: ({ name }) => name,
      output: z.object({
        link,
        checks: z.array(
          z.object({
            check: z.enum(['reachability', 'clock', 'protocol', 'frame size']),
            passed: z.boolean(),
            finding: z.string(),
          }),
        ),
      }),
      errors: [
        'FEDERATION_OFF',
        'LINK_TOKEN_MALFORMED',
        'LINK_TOKEN_TAMPERED',
        'LINK_TOKEN_EXPIRED',
        'LINK_TOKEN_USED',
        'LINK_TOKEN_REVOKED',
        'LINK_TOKEN_UNKNOWN',
        'LINK_TOKEN_WRONG_CLUSTER',
        'LINK_TO_SELF',
        'LINK_EXISTS',
        'LINKS_FULL',
        'DIAL_FAILED',
        'CLUSTER_BLOCKED',
      ],
    },
    confirm: {
      summary: 'Confirms that the check words are the same on both sides.',
      permission: 'links.write',
      route: 'POST /links/:peer/confirm',
      input: toPeer.extend({ words: z.string().max(256).optional() }),
      about: ofPeer,
      output: link,
      errors: ['LINK_NOT_FOUND', 'LINK_NOT_PENDING', 'LINK_WORDS_DIFFER'],
    },
    inspect: {
      summary: 'Tells what a token is, and why it would fail.',
      permission: 'links.read',
      route: 'POST /links/inspect',
      input: z.strictObject({ token }),
      output: tokenReport,
      errors: ['LINK_TOKEN_MALFORMED', 'LINK_TOKEN_TAMPERED'],
    },
    list: {
      summary: 'Lists the links with their status.',
      permission: 'links.read',
      route: 'GET /links',
      input: nothing,
      output: z.object({ links: z.array(link).max(linksMax) }),
      errors: [],
    },
    show: {
      summary: 'Shows one link.',
      permission: 'links.read',
      route: 'GET /links/:peer',
      input: toPeer,
      output: link,
      errors: ['LINK_NOT_FOUND'],
    },
    close: {
      summary: 'Ends a link; nothing crosses it any more.',
      permission: 'links.write',
      route: 'DELETE /links/:peer',
      input: toPeer,
      about: ofPeer,
      output: z.object({ link }),
      errors: ['LINK_NOT_FOUND'],
    },
    label: {
      summary: 'Writes labels on a link, and wipes some off.',
      permission: 'links.write',
      route: 'POST /links/:peer/labels',
      input: labelling,
      about: ofPeer,
      output: link,
      errors: ['LINK_NOT_FOUND', 'INPUT_INVALID'],
    },
    planLabels: {
      summary: 'Shows what other labels on a link would give and take.',
      permission: 'links.read',
      route: 'POST /links/:peer/labels/plan',
      input: labelling,
      output: planSchema,
      errors: ['LINK_NOT_FOUND', 'INPUT_INVALID'],
    },
    changes: {
      watch: true,
      summary: 'Every change of a link’s status, from now on.',
      permission: 'links.read',
      route: 'GET /links/changes',
      input: nothing,
      output: link,
      errors: [],
    },
  },
};
