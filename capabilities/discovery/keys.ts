// Where discovery keeps what must survive: this cluster's own last announcement, so that its
// counter never falls, and what was found of others, so that they are found after a restart.
import {
  clusterIdSchema,
  table,
  type ClusterId,
  type Codec,
  type KeyValueStore,
  type Table,
} from '@hansa/foundation';
import { z } from 'zod';
import { endpointSchema, type Endpoint } from '../links/contract.ts';
import {
  announcedAppsMax,
  announcementSchema,
  announcedEndpoints,
  heardSchema,
  type Announcement,
  type Heard,
} from './contract.ts';

/** The newest word of a cluster on itself. */
export interface FoundRecord {
  readonly cluster: ClusterId;
  readonly name: string;
  readonly counter: number;
  readonly asOfMs: number;
  readonly expiresMs: number;
  readonly endpoints: readonly Endpoint[];
  readonly apps: readonly string[];
  /** One per source, the latest first. */
  readonly heard: readonly Heard[];
  /** The whole of it, for whoever it is passed on to; a directory holds a shorter word. */
  readonly announcement?: Announcement | undefined;
  /** How many clusters had passed it on before it came here. */
  readonly hops?: number | undefined;
  /** Where the local network has led to it. */
  readonly near?: Endpoint | undefined;
}

const record: z.ZodType<FoundRecord> = z.object({
  cluster: clusterIdSchema,
  name: z.string(),
  counter: z.number(),
  asOfMs: z.number(),
  expiresMs: z.number(),
  endpoints: announcedEndpoints,
  apps: z.array(z.string()).max(announcedAppsMax),
  heard: z.array(heardSchema),
  announcement: announcementSchema.optional(),
  hops: z.number().optional(),
  near: endpointSchema.optional(),
});

export interface DiscoveryTables {
  /** One row, at no key parts. */
  readonly own: Table<Announcement>;
  /** By cluster. */
  readonly found: Table<FoundRecord>;
}

export function discoveryTables(store: KeyValueStore, codec: Codec): DiscoveryTables {
  return {
    own: table({ store, codec, name: 'own', schema: announcementSchema }),
    found: table({ store, codec, name: 'found', schema: record }),
  };
}
