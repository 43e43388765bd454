// Whom this cluster trusts and whom it has blocked, and who asks to be trusted. Trust grants
// nothing by itself: rules speak of it. Blocked gets nothing, whatever any rule says.
import {
  clusterIdSchema,
  nameLengthMax,
  nodeIdSchema,
  type Call,
  type ClusterId,
  type Contract,
  type NodeId,
} from '@hansa/foundation';
import { z } from 'zod';
import { planSchema, trustLevels, type Plan, type TrustLevel } from '../policies/contract.ts';

export { foresee, foreseenView, requireConsent } from '../policies/contract.ts';
export { trustLevels, type TrustLevel } from '../policies/contract.ts';

export const trustedMax = 256; // people decide on each; a script that trusts more has a fault
export const blockedMax = 256; // every handshake asks; a key costs nothing, so lists never end
export const noteLengthMax = 1_024; // a reason, not a file
export const requestsMax = 64; // waiting for a person: more are not read
export const requestKeptMs = 3_600_000; // who asked an hour ago and still wants it asks again
export const requestGapMs = 10_000; // a message is mended by hand; each one costs a write
export const addressesMax = 8; // hints for one node

/** How one cluster is judged. Whoever is not judged is public. */
export interface Judgement {
  readonly cluster: ClusterId;
  /** Our name for it, where there is a link. */
  readonly name?: string | undefined;
  readonly level: TrustLevel;
  readonly note: string;
  /** Absent for whoever was never judged. */
  readonly sinceMs?: number | undefined;
}

/** A cluster that proved who it is asks to be trusted. */
export interface TrustRequest {
  readonly cluster: ClusterId;
  /** Ours for it, where there is a link; what a stranger calls itself proves nothing. */
  readonly name?: string | undefined;
  readonly message: string;
  readonly requestedMs: number;
  readonly expiresMs: number;
}

/** A node and where it may be reached. */
export interface Whereabouts {
  readonly node: NodeId;
  readonly addresses: readonly string[];
}

export interface LevelInput {
  /** By our name for it, its id, or an unambiguous beginning of the id of a linked cluster. */
  readonly peer: string;
  readonly level: TrustLevel;
  readonly note?: string | undefined;
}

/** Whom this cluster trusts. */
export interface Trust {
  list(input: Record<string, never>, call?: Call): Promise<{ judgements: readonly Judgement[] }>;
  /** Trusting ends a block and the other way round; public ends both. */
  set(input: LevelInput, call?: Call): Promise<Judgement>;
  /** What that would give and take. */
  plan(input: { peer: string; level: TrustLevel }, call?: Call): Promise<Plan>;
  /** Who asks to be trusted. */
  requests(
    input: Record<string, never>,
    call?: Call,
  ): Promise<{ requests: readonly TrustRequest[] }>;
  /** Trusts whoever asked. */
  accept(input: { peer: string; note?: string | undefined }, call?: Call): Promise<Judgement>;
  /** Drops the request; says nothing to whoever asked. */
  reject(input: { peer: string }, call?: Call): Promise<TrustRequest>;
  /** Asks a cluster to trust us: over the link, or where `at` says that it is. */
  request(
    input: { peer: string; message?: string | undefined; at?: Whereabouts | undefined },
    call?: Call,
  ): Promise<{ cluster: ClusterId }>;
}

// ---- in process, for links and policies ----

/** How clusters are judged, for whoever lets them in. */
export interface TrustLevels {
  level(cluster: ClusterId): TrustLevel;
  /** Clusters that are trusted or blocked. */
  judged(): readonly ClusterId[];
  /** Rises with every judgement. */
  readonly generation: number;
  /** Called with the cluster whose level changed. */
  subscribe(changed: (cluster: ClusterId) => void): () => void;
}

export const noteSchema: z.ZodType<string> = z.string().max(noteLengthMax);
const judgement: z.ZodType<Judgement> = z.object({
  cluster: clusterIdSchema,
  name: z.string().optional(),
  level: z.enum(trustLevels),
  note: z.string(),
  sinceMs: z.number().optional(),
});
const request: z.ZodType<TrustRequest> = z.object({
  cluster: clusterIdSchema,
  name: z.string().optional(),
  message: z.string(),
  requestedMs: z.number(),
  expiresMs: z.number(),
});
const peer = z.string().min(1).max(nameLengthMax);
const ofPeer = (input: { readonly peer: string }): string => input.peer;
const nothing = z.strictObject({});

export const trustContract: Contract<Trust> = {
  name: 'trust',
  version: 1,
  methods: {
    list: {
      summary: 'Lists the clusters that are trusted or blocked.',
      permission: 'trust.read',
      route: 'GET /trust',
      input: nothing,
      output: z.object({ judgements: z.array(judgement) }),
      errors: [],
    },
    set: {
      summary: 'Trusts a cluster, blocks it, or does neither any more.',
      permission: 'trust.write',
      route: 'PUT /trust/:peer',
      input: z.strictObject({ peer, level: z.enum(trustLevels), note: noteSchema.optional() }),
      about: ofPeer,
      output: judgement,
      errors: ['LINK_NOT_FOUND', 'TRUST_FULL', 'INPUT_INVALID', 'CONFLICT'],
    },
    plan: {
      summary: 'Shows what another level would give and take, without changing anything.',
      permission: 'trust.read',
      route: 'POST /trust/:peer/plan',
      input: z.strictObject({ peer, level: z.enum(trustLevels) }),
      output: planSchema,
      errors: ['LINK_NOT_FOUND', 'INPUT_INVALID'],
    },
    requests: {
      summary: 'Lists the clusters that ask to be trusted.',
      permission: 'trust.read',
      route: 'GET /trust-requests',
      input: nothing,
      output: z.object({ requests: z.array(request).max(requestsMax) }),
      errors: [],
    },
    accept: {
      summary: 'Trusts a cluster that asked for it.',
      permission: 'trust.write',
      route: 'POST /trust-requests/:peer/accept',
      input: z.strictObject({ peer, note: noteSchema.optional() }),
      about: ofPeer,
      output: judgement,
      errors: ['TRUST_REQUEST_NOT_FOUND', 'TRUST_FULL', 'CONFLICT'],
    },
    reject: {
      summary: 'Drops a request for trust.',
      permission: 'trust.write',
      route: 'DELETE /trust-requests/:peer',
      input: z.strictObject({ peer }),
      about: ofPeer,
      output: request,
      errors: ['TRUST_REQUEST_NOT_FOUND', 'CONFLICT'],
    },
    request: {
      summary: 'Asks a cluster to trust this one.',
      permission: 'trust.write',
      route: 'POST /trust/:peer/request',
      input: z.strictObject({
        peer,
        message: noteSchema.optional(),
        at: z
          .strictObject({
            node: nodeIdSchema,
            addresses: z.array(z.string().max(256)).max(addressesMax),
          })
          .optional(),
      }),
      about: ofPeer,
      output: z.object({ cluster: clusterIdSchema }),
      errors: [
        'LINK_NOT_FOUND',
        'LINK_DOWN',
        'LINK_PENDING',
        'CLUSTER_BLOCKED',
        'RATE_LIMITED',
        'DIAL_FAILED',
        'FEDERATION_OFF',
      ],
    },
  },
};
