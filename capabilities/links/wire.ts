// What linked clusters say to each other about the link itself: redeeming a token, standing, beats.
import {
  bytesSchema,
  hashSchema,
  spokenSchema,
  type Call,
  type Contract,
  type Spoken,
  type Traffic,
} from '@hansa/foundation';
import { z } from 'zod';
import {
  addressesMax,
  endpointSchema,
  endpointsMax,
  ticketBytes,
  type Endpoint,
} from './contract.ts';

export const linkProtocol = '/hansa/link/1';
export const protocolVersions: { readonly min: number; readonly max: number } = { min: 1, max: 1 };
// A link's number among those between the same two clusters: far more than are ever made, and far
// from where counting ends, which a peer could otherwise begin at.
export const linkEpochMax = 1_000_000_000;
// larger than any path's datagram, far below a frame
export const probeBytesMax: number = 256 * 1_024;

/** How the sender sees the link. */
export interface Standing {
  readonly epoch: number;
  /** The sender holds a half-link. */
  readonly mine: boolean;
  readonly confirmed: boolean;
  readonly endpoints: readonly Endpoint[];
}

export interface Beat {
  readonly epoch: number;
  readonly counter: number;
  /** The receiver's nonce that the sender last saw: proves that both directions work. */
  readonly yours: Uint8Array;
  readonly mine: Uint8Array;
  /** Over what the sender holds of the receiver's resources. */
  readonly root: Uint8Array;
  readonly missing: number;
}

/** What may leave the link for a plane, each for one of its own: neither waits for the other. */
export type PlaneTraffic = Exclude<Traffic, 'control'>;

/** What lets the asker open a plane to us, once and within ten seconds. */
export interface PlaneOffer {
  readonly ticket: Uint8Array;
  /** `host:port`, where we listen. */
  readonly addresses: readonly string[];
  /** How much we send over it at most. */
  readonly budgetBytes: number;
}

export interface LinkPeer {
  redeem(
    input: {
      readonly nonce: Uint8Array;
      readonly accepterNonce: Uint8Array;
      readonly lastEpoch: number;
      readonly standing: Standing;
    },
    call?: Call,
  ): Promise<{ readonly standing: Standing }>;
  standing(input: Standing, call?: Call): Promise<Standing>;
  beat(input: Beat, call?: Call): Promise<Record<string, never>>;
  /** Says how much arrived and what time it is here: for the doctor. */
  probe(
    input: { readonly payload: Uint8Array },
    call?: Call,
  ): Promise<{ readonly receivedBytes: number; readonly nowMs: number }>;
  /** A ticket for a data plane on which the caller asks and we answer; for bulk by default. */
  plane(
    input: {
      readonly epoch: number;
      readonly traffic?: PlaneTraffic | undefined;
      readonly budgetBytes: number;
    },
    call?: Call,
  ): Promise<PlaneOffer>;
  /**
   * The caller could not dial us: we dial it, with its ticket, and answer there. DIAL_FAILED where
   * we cannot either.
   */
  planeBack(
    input: PlaneOffer & {
      readonly epoch: number;
      readonly traffic?: PlaneTraffic | undefined;
    },
    call?: Call,
  ): Promise<Record<string, never>>;
}

const standing: z.ZodType<Standing> = z.object({
  epoch: z.number().int().nonnegative(),
  mine: z.boolean(),
  confirmed: z.boolean(),
  endpoints: z.array(endpointSchema).max(endpointsMax),
});
const planeTraffic: z.ZodType<PlaneTraffic> = z.enum(['state', 'bulk']);
const planeFields = {
  ticket: bytesSchema.refine((bytes) => bytes.length === ticketBytes),
  addresses: z.array(z.string().max(256)).max(addressesMax),
  budgetBytes: z.number().int().positive(),
};
const beat: z.ZodType<Beat> = z.object({
  epoch: z.number().int().nonnegative(),
  counter: z.number().int().nonnegative(),
  yours: hashSchema,
  mine: hashSchema,
  root: hashSchema,
  missing: z.number().int().nonnegative(),
});

export const linkPeerContract: Contract<LinkPeer> = {
  name: 'link-peer',
  version: 2,
  traffic: 'control',
  methods: {
    redeem: {
      summary: 'Uses a link token up.',
      permission: 'peer',
      input: z.object({
        nonce: hashSchema,
        accepterNonce: hashSchema,
        lastEpoch: z.number().int().nonnegative().max(linkEpochMax),
        standing,
      }),
      output: z.object({ standing }),
      errors: [
        'LINK_TOKEN_UNKNOWN',
        'LINK_TOKEN_USED',
        'LINK_TOKEN_EXPIRED',
        'LINK_TOKEN_REVOKED',
        'LINK_EXISTS',
        'LINKS_FULL',
      ],
    },
    standing: {
      summary: 'Tells how the sender sees the link, and asks the same.',
      permission: 'peer',
      input: standing,
      output: standing,
      errors: ['LINK_NOT_FOUND'],
    },
    beat: {
      summary: 'Proof of progress, every two seconds.',
      permission: 'peer',
      input: beat,
      output: z.strictObject({}),
      errors: ['LINK_NOT_FOUND'],
    },
    probe: {
      summary: 'Says what arrived and when.',
      permission: 'peer',
      input: z.object({
        payload: bytesSchema.refine((bytes) => bytes.length <= probeBytesMax),
      }),
      output: z.object({ receivedBytes: z.number(), nowMs: z.number() }),
      errors: [],
    },
    plane: {
      summary: 'A ticket for a data plane on which the caller asks.',
      permission: 'peer',
      since: 2,
      input: z.object({
        epoch: z.number().int().nonnegative(),
        traffic: planeTraffic.optional(),
        budgetBytes: planeFields.budgetBytes,
      }),
      output: z.object(planeFields),
      errors: ['LINK_NOT_FOUND', 'PLANE_OFF', 'RATE_LIMITED'],
    },
    planeBack: {
      summary: 'Asks to be dialled, with the caller’s own ticket.',
      permission: 'peer',
      since: 2,
      input: z.object({
        ...planeFields,
        epoch: z.number().int().nonnegative(),
        traffic: planeTraffic.optional(),
      }),
      output: z.strictObject({}),
      errors: ['LINK_NOT_FOUND', 'PLANE_OFF', 'DIAL_FAILED'],
    },
  },
};

/** The first frame of a control stream, in both directions. */
export interface Hello {
  readonly versions: { readonly min: number; readonly max: number };
  /** An IdentityProof; checked by identity, not here. */
  readonly proof: unknown;
  /** Random per process: tells a restart from a second connection. */
  readonly instance: Uint8Array;
  /** The first nonce of the sender's beats. */
  readonly nonce: Uint8Array;
  /** What the sender serves; a sender of the first release does not say. */
  readonly contracts?: Spoken | undefined;
}

export const helloSchema: z.ZodType<Hello> = z.object({
  versions: z.object({ min: z.number().int(), max: z.number().int() }),
  proof: z.unknown(),
  instance: hashSchema,
  nonce: hashSchema,
  contracts: spokenSchema.optional(),
});

const first = { min: 1, max: 1 };
const firstContracts: Spoken = {
  'link-peer': first,
  'catalog-peer': first,
  'sync-peer': first,
  'blob-peer': first,
};

/** What a peer answers, in which versions. */
export function spokenIn({ contracts }: Hello): Spoken {
  return contracts ?? firstContracts;
}
