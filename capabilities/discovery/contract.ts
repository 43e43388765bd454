// Where clusters are, as they say themselves and others pass on. Discovery finds and never trusts:
// nothing here makes a link, and whoever is dialled by it still has to prove its key.
import {
  clusterIdSchema,
  errorReportSchema,
  nameLengthMax,
  nodeIdSchema,
  signatureSchema,
  type Call,
  type ClusterId,
  type Contract,
  type ErrorReport,
} from '@hansa/foundation';
import { z } from 'zod';
import type { Endpoint } from '../links/contract.ts';

export const announcementBytesMax = 4_096; // signed bytes and signature; one gossip message
export const announcedEndpointsMax = 4; // nodes of one cluster: enough to find any of them
export const announcedAddressesMax = 4; // hints per node: both families, two networks
export const announcedAddressBytesMax = 80; // an IPv6 socket has 47; a short relay URL fits as well
export const announcedAppsMax = 32; // as many as a cluster may register
export const announcedAppBytesMax = 64; // a name; what the app can do, the cluster itself tells
// an edge that is up once a day is still found by yesterday's word
export const announcementValidityMs: number = 24 * 3_600_000;
// nodes of the DHT forget what nobody renews within two hours
export const announcementRenewMs = 1_800_000;
export const announcementAheadMaxMs = 60_000; // clocks differ; as much as tokens tolerate
export const trackedMax = 512; // clusters that are remembered; about 2 MiB
// of them, those that one linked peer was the first to name: keys cost a liar nothing
export const trackedPerPeerMax = 128;

/** A cluster's own word on where it is, signed by its key. */
export interface Announcement {
  readonly cluster: ClusterId;
  /** Which of the cluster's keys signed: 0 is the first. */
  readonly keyIndex: number;
  /** A label, never an identity. */
  readonly name: string;
  /** Higher than in every announcement before. */
  readonly counter: number;
  readonly asOfMs: number;
  readonly expiresMs: number;
  /** Whether linked clusters may pass it on. */
  readonly gossip: boolean;
  readonly endpoints: readonly Endpoint[];
  /** Names of its apps, as many as fit. */
  readonly apps: readonly string[];
  readonly appsLeftOut: number;
  /** Over transcript `hansa/announcement/1`. */
  readonly signature: Uint8Array;
}

export type Source = 'gossip' | 'mdns' | 'dht';

/** Who or what told it, and when last. */
export interface Heard {
  readonly source: Source;
  readonly heardMs: number;
  /** The linked cluster that passed it on. */
  readonly from?: ClusterId | undefined;
}

/** What is known of where a cluster is. */
export interface Found {
  readonly cluster: ClusterId;
  readonly name: string;
  /** What we call it, where it is linked. */
  readonly linkedAs?: string | undefined;
  /** Its key has signed this; a claim on the local network that could not be proven has none. */
  readonly verified: boolean;
  readonly counter: number;
  readonly asOfMs: number;
  readonly expiresMs: number;
  /** Since it was said. */
  readonly ageMs: number;
  readonly endpoints: readonly Endpoint[];
  readonly apps: readonly string[];
  readonly heard: readonly Heard[];
  /** Why it is not verified. */
  readonly problem?: ErrorReport | undefined;
}

/** One way of finding clusters, and how it fares. */
export interface WayStatus {
  readonly on: boolean;
  readonly problem?: ErrorReport | undefined;
}

export interface DiscoveryStatus {
  /** What this cluster says of itself; absent where every way is off. */
  readonly announced?: Omit<Announcement, 'signature'> | undefined;
  readonly tracked: number;
  readonly gossip: WayStatus & {
    readonly taken: number;
    readonly refused: number;
    readonly forwarded: number;
  };
  readonly mdns: WayStatus & { readonly claims: number };
  readonly dht: WayStatus & {
    /** Nodes of the DHT that are known now. */
    readonly nodes: number;
    readonly publishedMs?: number | undefined;
  };
  /** Relays of one's own that the transport was given. */
  readonly relays: readonly string[];
}

/** Which clusters are where. */
export interface Discovery {
  /** What is known, from where, and since when; asks nobody. */
  list(input: Record<string, never>, call?: Call): Promise<{ readonly found: readonly Found[] }>;
  /** Asks every way that is on for one cluster; CLUSTER_UNKNOWN where none knows it. */
  find(input: { readonly cluster: ClusterId }, call?: Call): Promise<Found>;
  status(input: Record<string, never>, call?: Call): Promise<DiscoveryStatus>;
}

const announcedEndpoint: z.ZodType<Endpoint> = z.object({
  node: nodeIdSchema,
  addresses: z.array(z.string().max(announcedAddressBytesMax)).max(announcedAddressesMax),
});
export const announcedEndpoints: z.ZodType<readonly Endpoint[]> = z
  .array(announcedEndpoint)
  .max(announcedEndpointsMax);
const moment = z.number().int().nonnegative();
const apps = z.array(z.string().min(1).max(announcedAppBytesMax)).max(announcedAppsMax);
const announced = z.object({
  cluster: clusterIdSchema,
  keyIndex: z.number().int().nonnegative(),
  name: z
    .string()
    .max(nameLengthMax)
    .regex(/^\P{C}*$/u, 'a name has no control characters: it is printed on terminals'),
  counter: moment,
  asOfMs: moment,
  expiresMs: moment,
  gossip: z.boolean(),
  endpoints: announcedEndpoints,
  apps,
  appsLeftOut: moment,
});
export const announcementSchema: z.ZodType<Announcement> = announced.extend({
  signature: signatureSchema,
});

export const heardSchema: z.ZodType<Heard> = z.object({
  source: z.enum(['gossip', 'mdns', 'dht']),
  heardMs: z.number(),
  from: clusterIdSchema.optional(),
});
const found: z.ZodType<Found> = z.object({
  cluster: clusterIdSchema,
  name: z.string(),
  linkedAs: z.string().optional(),
  verified: z.boolean(),
  counter: z.number(),
  asOfMs: z.number(),
  expiresMs: z.number(),
  ageMs: z.number(),
  endpoints: z.array(z.object({ node: nodeIdSchema, addresses: z.array(z.string()) })),
  apps: z.array(z.string()),
  heard: z.array(heardSchema),
  problem: errorReportSchema.optional(),
});
const way = { on: z.boolean(), problem: errorReportSchema.optional() };
const status: z.ZodType<DiscoveryStatus> = z.object({
  announced: announced.optional(),
  tracked: z.number(),
  gossip: z.object({ ...way, taken: z.number(), refused: z.number(), forwarded: z.number() }),
  mdns: z.object({ ...way, claims: z.number() }),
  dht: z.object({ ...way, nodes: z.number(), publishedMs: z.number().optional() }),
  relays: z.array(z.string()),
});
const nothing = z.strictObject({});

export const discoveryContract: Contract<Discovery> = {
  name: 'discovery',
  version: 1,
  methods: {
    list: {
      summary: 'Lists the clusters that were found, from where and how long ago.',
      permission: 'discovery.read',
      route: 'GET /discovery',
      input: nothing,
      output: z.object({ found: z.array(found) }),
      errors: [],
    },
    find: {
      summary: 'Looks for one cluster in every way that is on; links nothing.',
      permission: 'discovery.read',
      route: 'GET /discovery/clusters/:cluster',
      input: z.strictObject({ cluster: clusterIdSchema }),
      output: found,
      errors: ['CLUSTER_UNKNOWN'],
    },
    status: {
      summary: 'Tells which ways of finding clusters are on, and how they fare.',
      permission: 'discovery.read',
      route: 'GET /discovery/status',
      input: nothing,
      output: status,
      errors: [],
    },
  },
};
